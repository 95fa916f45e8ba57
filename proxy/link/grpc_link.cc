#include "proxy/link/grpc_link.h"

#include <grpcpp/grpcpp.h>

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "proxy/link/limits.h"
#include "spawner/v1/proxy_link.grpc.pb.h"

namespace spawner::proxy {
namespace {

std::shared_ptr<grpc::Channel> OpenChannel(const std::string& address, const TlsClientFiles& tls) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  arguments.SetMaxSendMessageSize(kMessageBytesMax);
  // No sharing of connections, nor of their backoff, between dials: Link has the only backoff.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  const auto credentials = MakeChannelCredentials(tls, &arguments);
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

}  // namespace

// One stream. It lives until main has seen its kClosed: OnDone must not delete it, for the last
// channel of a process joins gRPC's callback threads, and OnDone runs on one of them.
class GrpcLink::Call final
    : public grpc::ClientBidiReactor<v1::ProxyMessage, v1::ControllerMessage> {
 public:
  Call(GrpcLink& link, uint64_t stream, const std::string& address, const std::string& token)
      : link_(link),
        stream_(stream),
        stub_(v1::ProxyLink::NewStub(OpenChannel(address, link.tls_))) {
    if (!token.empty()) context_.AddMetadata("authorization", absl::StrCat("Bearer ", token));
    stub_->async()->Connect(&context_, this);
    AddHold();  // until main lets go: it may start a write at any time
    StartRead(&read_);
    StartCall();
  }

  void Write(v1::ProxyMessage message) {
    write_ = std::move(message);
    StartWrite(&write_);
  }
  void Read() { StartRead(&read_); }
  void Cancel() { context_.TryCancel(); }

  void OnReadDone(bool ok) override {
    if (ok) {
      // Nothing may touch `read_` after the post: main starts the next read into it at once.
      link_.post_({stream_, StreamEvent::Kind::kMessage, std::exchange(read_, {}), {}});
    } else {
      link_.post_({stream_, StreamEvent::Kind::kEnded, {}, {}});
    }
  }
  // A failed write is the end of the stream: the read tells.
  void OnWriteDone(bool ok) override {
    if (ok) link_.post_({stream_, StreamEvent::Kind::kWritten, {}, {}});
  }
  void OnDone(const grpc::Status& status) override {
    GrpcLink& link = link_;
    link.post_(
        {stream_,
         StreamEvent::Kind::kClosed,
         {},
         absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message())});
    MutexLock lock(link.mutex_);
    --link.live_;
    link.all_done_.notify_all();
  }

 private:
  GrpcLink& link_;
  const uint64_t stream_;
  grpc::ClientContext context_;
  std::unique_ptr<v1::ProxyLink::Stub> stub_;
  v1::ControllerMessage read_;
  v1::ProxyMessage write_;
};

GrpcLink::GrpcLink(std::function<void(StreamEvent)> post, TlsClientFiles tls)
    : post_(std::move(post)), tls_(std::move(tls)) {}

GrpcLink::~GrpcLink() {
  HangUp();
  MutexLock lock(mutex_);
  while (live_ != 0) all_done_.wait(mutex_);
}

void GrpcLink::Dial(uint64_t stream, const std::string& address, const std::string& token) {
  SPAWNER_CHECK(call_ == nullptr);
  stream_ = stream;
  is_writing_ = false;
  is_finishing_ = false;
  {
    MutexLock lock(mutex_);
    ++live_;
  }
  calls_[stream] = std::make_unique<Call>(*this, stream, address, token);
  call_ = calls_[stream].get();
}

void GrpcLink::HangUp() {
  if (call_ == nullptr) return;
  call_->Cancel();
  Release();
}

void GrpcLink::Release() { std::exchange(call_, nullptr)->RemoveHold(); }

void GrpcLink::Write(v1::ProxyMessage message) {
  SPAWNER_CHECK(IsWritable());
  is_writing_ = true;
  call_->Write(std::move(message));
}

void GrpcLink::Finish() {
  if (call_ == nullptr) return;
  is_finishing_ = true;
  if (!is_writing_) call_->StartWritesDone();
}

void GrpcLink::Read() {
  if (call_ != nullptr) call_->Read();
}

void GrpcLink::OnEvent(const StreamEvent& event) {
  if (event.kind == StreamEvent::Kind::kClosed) {
    calls_.erase(event.stream);
    return;
  }
  if (call_ == nullptr || event.stream != stream_) return;
  switch (event.kind) {
    case StreamEvent::Kind::kWritten:
      is_writing_ = false;
      if (is_finishing_) call_->StartWritesDone();
      return;
    case StreamEvent::Kind::kEnded:
      return Release();
    case StreamEvent::Kind::kMessage:
    case StreamEvent::Kind::kClosed:
      return;
  }
}

}  // namespace spawner::proxy
