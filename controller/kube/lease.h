#ifndef SPAWNER_CONTROLLER_KUBE_LEASE_H_
#define SPAWNER_CONTROLLER_KUBE_LEASE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/random.h"
#include "controller/kube/kube_client.h"
#include "controller/kube/lease_object.h"

namespace spawner::kube {

struct LeaseOptions {
  std::string ns;
  std::string name = "spawner-controller";
  std::string identity;  // unique to this process: a pod's name and some random characters
  std::string address;   // our gRPC, for those who follow: "10.0.0.7:50051"
  absl::Duration lease_duration = absl::Seconds(6);
  absl::Duration renew_deadline = absl::Seconds(4);  // well below lease_duration
  absl::Duration retry = absl::Seconds(1);
  // A request out for longer is given up; what it did shows in the next read.
  absl::Duration request_patience = absl::Milliseconds(1500);
};

// Elects one controller by a Lease. At most one process at a time believes to lead: a leader counts
// its time from the start of its last successful renewal, a follower from when it first saw it;
// each on its own monotonic clock, so that clocks may differ and messages may be late or lost. Each
// acquisition raises the leadership number, which makes epochs grow.
// Thread: the loop's. Owner: main. Its end must not be followed by calls of the client's callbacks.
class LeaseElector {
 public:
  LeaseElector(KubeClient& client, const Clock& clock, Random& random, LeaseOptions options);
  LeaseElector(const LeaseElector&) = delete;
  LeaseElector& operator=(const LeaseElector&) = delete;

  // Starts what is due. Call in every turn of the loop.
  void Step(Instant now);
  // When Step wants to be called next, at the latest.
  Instant NextWake() const;

  // False from the renew deadline on, whether or not Step was called since.
  bool IsLeader(Instant now) const { return state_ == State::kLeading && now < valid_until_; }
  // Ours while we lead, else the highest that we know of.
  uint32_t leadership() const { return number_; }
  // As last read; empty: nobody, or not read yet.
  const std::string& holder() const { return holder_; }
  const std::string& leader_address() const { return leader_address_; }
  // Why the last request failed; OK after one that did not.
  const absl::Status& status() const { return status_; }

  // The next acquisition's number will be greater than `number`: the highest seen on any pod or
  // proxy. Raise it before the first Step. A leader with a lower one takes the Lease anew.
  void RaiseFloor(uint32_t number);

  // As the Lease held it when we took it over.
  const std::string& LastRoster() const { return last_roster_; }
  // While leading: goes into the Lease with a renewal at once. Ignored otherwise.
  // RESOURCE_EXHAUSTED: too large to store; the former stays.
  absl::Status SetRoster(std::string roster);
  bool IsRosterStored() const { return !roster_.has_value(); }

  // Stops, and lets the next one take over at once. IsReleased when that is written, or given up.
  void Release();
  bool IsReleased() const { return state_ == State::kReleased; }

 private:
  enum class State { kStandby, kLeading, kReleasing, kReleased };
  enum class Write { kAcquire, kRenew, kRelease };

  void Decide(Instant now);
  void Read(Instant now);
  void Send(Write write, Instant now);
  void OnRead(absl::StatusOr<std::string> answer);
  void OnWritten(Write write, absl::StatusOr<std::string> answer);
  void OnFailed(const absl::Status& error, Instant now);
  void OnAcquired(Instant now);
  void Observe(LeaseObject lease, Instant now);
  void StopLeading();
  bool MayTake(Instant now) const;
  Instant JitteredRetry(Instant now);
  // Answers to requests that were given up are not heard.
  KubeClient::ObjectDone IfCurrent(std::function<void(absl::StatusOr<std::string>)> done);

  KubeClient& client_;
  const Clock& clock_;
  Random& random_;
  const LeaseOptions options_;

  State state_ = State::kStandby;
  Instant valid_until_{};    // kLeading
  Instant release_until_{};  // kReleasing
  Instant next_at_{};        // of the next request
  bool is_asking_ = false;   // one request at a time
  Instant asked_at_{};
  uint64_t ask_ = 0;  // which request's answer counts

  std::optional<Instant> joined_at_;  // the first read, or the creation, of the Lease
  std::optional<LeaseObject> lease_;  // as last read or written; none: read before writing
  std::string beat_;
  Instant beat_at_{};  // when we first saw it
  uint32_t number_ = 0;
  uint32_t floor_ = 0;
  uint32_t proposed_ = 0;  // of the acquisition in flight
  std::string holder_;
  std::string leader_address_;
  absl::Status status_;
  std::string last_roster_;
  std::optional<std::string> roster_;  // to be stored
  std::optional<std::string> roster_in_flight_;
};

}  // namespace spawner::kube

#endif  // SPAWNER_CONTROLLER_KUBE_LEASE_H_
