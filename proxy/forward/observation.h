#ifndef SPAWNER_PROXY_FORWARD_OBSERVATION_H_
#define SPAWNER_PROXY_FORWARD_OBSERVATION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "proxy/forward/access_record.h"
#include "proxy/forward/workbench.h"

namespace spawner::proxy {

class Session;
class Stream;
class Tunnel;
struct ClientPeer;
struct Route;

// What is told of one request beside its counts: its line in the access log, Server-Timing, its
// trace. With all of that off it is three readings of the turn's time.
// Thread: its worker's. Owner: Exchange.
class Observation {
 public:
  explicit Observation(Workbench& bench) : bench_(bench) {}

  void Begin() {
    started_at_ = moved_at_ = bench_.now;
    bytes_ = 0;
    client_.clear();
    user_.clear();
    sent_at_ = answered_at_ = Instant{};
    was_held_ = is_judged_ = is_ignored_ = false;
  }
  // bench.request came from `peer` over `stream`; the access log may want it.
  void BeginRecord(const ClientPeer& peer, const Stream& stream, bool is_secure);
  // Whether it is let in, has still to be seen.
  void OnSession(const Session& session) {
    if (record_ != nullptr) NoteSession(session);
  }
  // bench.decision lets it in: who asks.
  void OnAllowed(absl::string_view client);
  // Whether bench.request is no use of its session: then its bytes are not either. `prefix` of its
  // path is the route's. True: it is no use, and nobody knew.
  bool Judge(const Route& route, absl::string_view prefix);
  bool is_judged() const { return is_judged_; }
  bool is_ignored() const { return is_ignored_; }
  void OnHeld() { was_held_ = true; }
  // Its head is about to be written: makes bench.traceparent if that is wanted.
  void OnSend();
  void OnAnswered() { answered_at_ = bench_.now; }
  // The proxy answers itself.
  void OnOwnAnswer(absl::string_view reason) {
    if (record_ != nullptr) record_->reason = std::string(reason);
  }
  // Bytes of bodies, and the first ones of a tunnel.
  void Count(Session& session, size_t in, size_t out);
  void End(int status) {
    if (record_ != nullptr) WriteRecord(status);
  }
  // It goes on as a tunnel, which has to say so at its end.
  void GoOnAs(const Tunnel& tunnel);

  // For an inspection: of bodies, both ways.
  Instant moved_at() const { return moved_at_; }
  uint64_t bytes() const { return bytes_; }
  const std::string& client() const { return client_; }  // empty before OnAllowed
  const std::string& user() const { return user_; }
  bool is_logged() const { return record_ != nullptr; }
  Instant started_at() const { return started_at_; }
  bool tells_timing() const { return was_held_ || bench_.options.has_server_timing; }
  // The value of Server-Timing: "hold;dur=812.3, backend;dur=1.4", in milliseconds.
  std::string Timing() const;

 private:
  void NoteSession(const Session& session);
  void CompleteRecord(int status);
  void WriteRecord(int status);

  Workbench& bench_;
  std::unique_ptr<AccessRecord> record_;  // null: the access log does not want it
  Instant started_at_;
  Instant moved_at_;
  uint64_t bytes_ = 0;
  std::string client_;  // these two keep their room from one request to the next
  std::string user_;
  Instant sent_at_;      // to the backend, at last; 0 before
  Instant answered_at_;  // by the backend, likewise
  bool was_held_ = false;
  bool is_judged_ = false;
  bool is_ignored_ = false;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_OBSERVATION_H_
