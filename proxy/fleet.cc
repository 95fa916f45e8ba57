#include "proxy/fleet.h"

#include <utility>

#include "base/status.h"

namespace spawner::proxy {

Fleet::~Fleet() { Stop(); }

absl::StatusOr<Address> Fleet::Start(
    const Options& options, const Clock& clock, WorkerReports& reports,
    absl::FunctionRef<std::unique_ptr<Authorizer>()> make_authorizer) {
  RETURN_IF_ERROR(CheckAddressIsFree(options.listen));
  Address address = options.listen;
  for (int i = 0; i < options.workers; ++i) {
    Member member;
    ASSIGN_OR_RETURN(member.io, EpollIo::Create());
    member.worker =
        std::make_unique<Worker>(Worker::Options{.index = i, .forward = options.forward},
                                 *member.io, clock, reports, make_authorizer());
    // Port 0: the first one's real port is everybody's.
    ASSIGN_OR_RETURN(address, member.worker->Listen(address));
    members_.push_back(std::move(member));
  }
  for (Member& member : members_) {
    Worker* const worker = member.worker.get();
    member.thread = std::thread([worker] { worker->Run(); });
  }
  return address;
}

void Fleet::Post(const RouteChange& change) {
  for (Member& member : members_) member.worker->Post(change);
}

void Fleet::Post(const LinkState& state) {
  for (Member& member : members_) member.worker->Post(state);
}

void Fleet::Drain(absl::Duration patience) {
  for (Member& member : members_) member.worker->Drain(patience);
}

void Fleet::Stop() {
  for (Member& member : members_) {
    if (!member.thread.joinable()) continue;
    member.worker->Stop();
    member.thread.join();
  }
}

int64_t Fleet::Sum(absl::FunctionRef<int64_t(const Counters&)> counter) const {
  int64_t sum = 0;
  for (const Member& member : members_) sum += counter(member.worker->counters());
  return sum;
}

}  // namespace spawner::proxy
