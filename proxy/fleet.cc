#include "proxy/fleet.h"

#include <utility>

#include "base/status.h"

namespace spawner::proxy {

Fleet::~Fleet() { Stop(); }

// Port 0: the first worker's real port is everybody's.
absl::StatusOr<Fleet::Member> Fleet::Make(int index, const Options& options, const Clock& clock,
                                          WorkerReports& reports,
                                          std::unique_ptr<Authorizer> authorizer, Bound* bound) {
  Member member;
  ASSIGN_OR_RETURN(member.io, EpollIo::Create());
  Io* io = member.io.get();
  if (options.tls || options.has_proxy_header) {
    member.tls =
        std::make_unique<TlsIo>(*member.io, clock,
                                TlsIo::Options{.has_proxy_header = options.has_proxy_header,
                                               .trusted = options.forward.trusted_proxies,
                                               .offers_h2 = true});
    io = member.tls.get();
  }
  member.worker = std::make_unique<Worker>(
      Worker::Options{.index = index, .forward = options.forward, .caps = &caps_, .held = &held_},
      *io, clock, reports, std::move(authorizer));
  ASSIGN_OR_RETURN(bound->plain, member.worker->Listen(bound->plain));
  if (bound->tls) {
    RETURN_IF_ERROR(member.tls->Apply(*options.tls));
    ASSIGN_OR_RETURN(const Socket listener, member.tls->ListenTls(*bound->tls, *member.worker));
    member.worker->AddListener(listener);
    ASSIGN_OR_RETURN(bound->tls, member.tls->LocalAddress(listener));
  }
  return member;
}

absl::StatusOr<Fleet::Bound> Fleet::Start(
    const Options& options, const Clock& clock, WorkerReports& reports,
    absl::FunctionRef<std::unique_ptr<Authorizer>()> make_authorizer) {
  RETURN_IF_ERROR(CheckAddressIsFree(options.listen));
  if (options.tls_listen) RETURN_IF_ERROR(CheckAddressIsFree(*options.tls_listen));
  Bound bound = {.plain = options.listen, .tls = options.tls_listen};
  for (int i = 0; i < options.workers; ++i) {
    ASSIGN_OR_RETURN(Member member, Make(i, options, clock, reports, make_authorizer(), &bound));
    members_.push_back(std::move(member));
  }
  for (Member& member : members_) {
    Worker* const worker = member.worker.get();
    member.thread = std::thread([worker] { worker->Run(); });
  }
  return bound;
}

void Fleet::Post(const TlsMaterial& material) {
  for (Member& member : members_) {
    if (member.tls != nullptr) member.tls->Post(material);
  }
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

int64_t Fleet::SumTls(absl::FunctionRef<int64_t(const TlsCounters&)> counter) const {
  int64_t sum = 0;
  for (const Member& member : members_) {
    if (member.tls != nullptr) sum += counter(member.tls->counters());
  }
  return sum;
}

}  // namespace spawner::proxy
