#include "controller/api/proxy_link.h"

#include <deque>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/grpc_status.h"
#include "base/log.h"
#include "base/status.h"
#include "controller/api/admission.h"
#include "controller/api/limits.h"
#include "controller/api/link_convert.h"
#include "controller/api/loop_handle.h"

namespace spawner::api {
namespace {

// Nothing for a message of a kind that only a newer contract has: the proxy does without an answer.
absl::StatusOr<std::optional<route::FromProxy>> Read(grpc::ByteBuffer& bytes) {
  v1::ProxyMessage message;
  if (!grpc::SerializationTraits<v1::ProxyMessage>::Deserialize(&bytes, &message).ok()) {
    return InvalidField("message", "is no protobuf message of ProxyLink.Connect");
  }
  if (message.message_case() == v1::ProxyMessage::MESSAGE_NOT_SET &&
      !message.GetReflection()->GetUnknownFields(message).empty()) {
    return std::nullopt;
  }
  return ReadFromProxy(message);
}

grpc::ByteBuffer Write(const v1::ControllerMessage& message) {
  grpc::ByteBuffer bytes;
  bool is_owned = false;
  const grpc::Status status =
      grpc::SerializationTraits<v1::ControllerMessage>::Serialize(message, &bytes, &is_owned);
  SPAWNER_CHECK(status.ok());
  return bytes;
}

// Lives until gRPC's OnDone. All state belongs to the loop; reactions only post.
class LinkReactor final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                          public core::ProxyPeer {
 public:
  LinkReactor(Edge& edge, const grpc::CallbackServerContext* context)
      : edge_(edge), loop_(edge, this) {
    loop_.Post([context](LinkReactor& self) {
      Admit(self.edge_, *context,
            [cell = self.loop_.cell()](const absl::StatusOr<auth::CallerPtr>& caller) {
              if (*cell == nullptr) return;
              if (!caller.ok()) return (*cell)->End(caller.status());
              (*cell)->Open();
            });
    });
  }

  // --- core::ProxyPeer --------------------------------------------------------------------------
  void Send(route::ToProxy message) override {
    if (is_ending_) return;
    if (outbox_.size() >= kLinkOutboxMax) {
      return Close(absl::ResourceExhaustedError(
          absl::StrCat("the proxy is slow: ", kLinkOutboxMax, " messages wait; dial again")));
    }
    is_ending_ = std::holds_alternative<route::NotLeader>(message);
    is_welcome_ = is_welcome_ || std::holds_alternative<route::Welcome>(message);
    outbox_.push_back(std::move(message));
    WriteNext();
  }
  void Close(const absl::Status& status) override {
    is_ending_ = true;
    // Not from within the core's call: ending the link calls the core.
    loop_.Post([status](LinkReactor& self) { self.End(status); });
  }

  // --- gRPC's threads ---------------------------------------------------------------------------
  void OnReadDone(bool ok) override {
    loop_.Post([ok](LinkReactor& self) { self.TakeMessage(ok); });
  }
  void OnWriteDone(bool ok) override {
    loop_.Post([ok](LinkReactor& self) {
      self.is_writing_ = false;
      if (!ok) return self.End(absl::CancelledError("the proxy is gone"));
      self.WriteNext();
    });
  }
  void OnCancel() override {
    loop_.Post([](LinkReactor& self) { self.End(absl::CancelledError("the link was cut")); });
  }
  void OnDone() override { delete this; }

 private:
  void Open() {
    const absl::Status added = edge_.AddStream(Edge::StreamKind::kLink, this, kLinksMax,
                                               [this](const absl::Status& status) { End(status); });
    if (!added.ok()) return End(added);
    // Welcome has them; a change of them is no message of the core's.
    edge_.AddKeyListener(this, [this] {
      if (is_welcome_) Send(route::KeysChanged{});
    });
    link_ = edge_.service()->OpenLink(this);
    StartRead(&received_);
  }

  void TakeMessage(bool ok) {
    // The proxy closed its side: nothing more comes.
    if (!ok) return End(absl::OkStatus());
    if (edge_.service() == nullptr) return End(edge_.NotReady());
    absl::StatusOr<std::optional<route::FromProxy>> message = Read(received_);
    if (!message.ok()) {
      Log(LogLevel::kWarning, "proxy_refused", {{"error", message.status().ToString()}});
      return End(message.status());
    }
    if (message->has_value()) {
      edge_.service()->OnLinkMessage(*link_, **std::move(message));
    } else if (!std::exchange(is_newer_told_, true)) {
      Log(LogLevel::kWarning, "proxy_message_ignored",
          {{"why", "the proxy is newer than this controller"}});
    }
    StartRead(&received_);
  }

  void WriteNext() {
    if (is_writing_) return;
    if (outbox_.empty()) {
      if (is_not_leader_sent_) Close(absl::OkStatus());
      return;
    }
    is_not_leader_sent_ = std::holds_alternative<route::NotLeader>(outbox_.front());
    v1::ControllerMessage message;
    WriteToProxy(outbox_.front(),
                 {.wall_now = edge_.clock().WallNow(), .keys = &edge_.keys().verification},
                 message);
    sent_ = Write(message);
    outbox_.pop_front();
    is_writing_ = true;
    StartWrite(&sent_);
  }

  // The last thing that the loop does with this object.
  void End(const absl::Status& status) {
    edge_.RemoveStream(Edge::StreamKind::kLink, this);
    edge_.RemoveKeyListener(this);
    if (link_.has_value() && edge_.service() != nullptr) edge_.service()->CloseLink(*link_);
    loop_.Clear();
    Finish(ToGrpc(status));
  }

  Edge& edge_;
  LoopHandle<LinkReactor> loop_;
  std::optional<core::Service::LinkId> link_;
  std::deque<route::ToProxy> outbox_;
  grpc::ByteBuffer received_;
  grpc::ByteBuffer sent_;
  bool is_writing_ = false;
  bool is_ending_ = false;  // takes no further message of the core
  bool is_not_leader_sent_ = false;
  bool is_welcome_ = false;  // queued, or sent
  bool is_newer_told_ = false;
};

}  // namespace

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* ProxyLinkService::Connect(
    grpc::CallbackServerContext* context) {
  return new LinkReactor(edge_, context);
}

}  // namespace spawner::api
