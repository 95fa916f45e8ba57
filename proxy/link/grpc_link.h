#ifndef SPAWNER_PROXY_LINK_GRPC_LINK_H_
#define SPAWNER_PROXY_LINK_GRPC_LINK_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "base/grpc_security.h"
#include "base/thread_annotations.h"
#include "spawner/v1/proxy_link.pb.h"

namespace spawner::proxy {

// What happened to a stream. `stream` is the number it was dialled with.
struct StreamEvent {
  enum class Kind {
    kMessage,  // read: `message`
    kWritten,  // one more may be written
    kEnded,    // nothing more will be read; kClosed follows
    kClosed,   // over: `status`
  };
  uint64_t stream = 0;
  Kind kind = Kind::kClosed;
  v1::ControllerMessage message;
  absl::Status status;
};

// One ProxyLink stream at a time over gRPC. Its reactions run on gRPC's threads and only post.
// Thread: main, but `post`. Owner: LinkClient.
class GrpcLink {
 public:
  // `post` takes events on any thread, until the destructor has returned. `tls` was checked.
  explicit GrpcLink(std::function<void(StreamEvent)> post, TlsClientFiles tls = {});
  // Cancels what is open and waits for its last event, which comes at once.
  ~GrpcLink();
  GrpcLink(const GrpcLink&) = delete;
  GrpcLink& operator=(const GrpcLink&) = delete;

  // "host:port" or "IP:port". A connection of its own, so that no backoff of an earlier one counts.
  // `token` says who we are; empty: nothing does, or our certificate.
  void Dial(uint64_t stream, const std::string& address, const std::string& token = "");
  void HangUp();
  bool IsWritable() const { return call_ != nullptr && !is_writing_ && !is_finishing_; }
  void Write(v1::ProxyMessage message);
  // Half-closes after what is being written.
  void Finish();
  // After a kMessage: reads the next one.
  void Read();

  // Every event posted comes back here, on main, before anybody else sees it.
  void OnEvent(const StreamEvent& event);

 private:
  class Call;

  void Release();

  const std::function<void(StreamEvent)> post_;
  const TlsClientFiles tls_;
  std::map<uint64_t, std::unique_ptr<Call>> calls_;  // whose kClosed main has not seen
  Call* call_ = nullptr;                             // the one in use; we hold it open
  uint64_t stream_ = 0;
  bool is_writing_ = false;
  bool is_finishing_ = false;

  // Calls that have not posted kClosed.
  Mutex mutex_;
  std::condition_variable_any all_done_;
  int live_ SPAWNER_GUARDED_BY(mutex_) = 0;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_LINK_GRPC_LINK_H_
