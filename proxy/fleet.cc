#include "proxy/fleet.h"

#include <utility>

#include "base/cpu_time.h"
#include "base/random.h"
#include "base/status.h"

namespace spawner::proxy {

Fleet::Fleet(Options options)
    : options_(std::move(options)),
      descriptors_(options_.descriptors),
      addresses_(options_.connections_per_address) {}

Fleet::~Fleet() { Stop(); }

// Port 0: the first worker's real port is everybody's.
absl::StatusOr<Fleet::Member> Fleet::Make(int index, const Clock& clock, WorkerReports& reports,
                                          std::unique_ptr<Authorizer> authorizer, Bound* bound) {
  Member member;
  ASSIGN_OR_RETURN(member.io, EpollIo::Create(&descriptors_, options_.dead_peer_timeout));
  Io* io = member.io.get();
  if (options_.tls || options_.has_proxy_header) {
    member.tls =
        std::make_unique<TlsIo>(*member.io, clock,
                                TlsIo::Options{.has_proxy_header = options_.has_proxy_header,
                                               .trusted = options_.forward.trusted_proxies,
                                               .addresses = &addresses_,
                                               .offers_h2 = true});
    io = member.tls.get();
  }
  member.worker = std::make_unique<Worker>(Worker::Options{.index = index,
                                                           .forward = options_.forward,
                                                           .caps = &caps_,
                                                           .held = &held_,
                                                           .addresses = &addresses_,
                                                           .access_sink = options_.access_sink,
                                                           .access_sample = options_.access_sample,
                                                           .seed = SystemRandom().Next()},
                                           *io, clock, reports, std::move(authorizer));
  ASSIGN_OR_RETURN(bound->plain, member.worker->Listen(bound->plain));
  if (bound->tls) {
    RETURN_IF_ERROR(member.tls->Apply(*options_.tls));
    ASSIGN_OR_RETURN(const Socket listener, member.tls->ListenTls(*bound->tls, *member.worker));
    member.worker->AddListener(listener);
    ASSIGN_OR_RETURN(bound->tls, member.tls->LocalAddress(listener));
  }
  return member;
}

absl::StatusOr<Fleet::Bound> Fleet::Start(
    const Clock& clock, WorkerReports& reports,
    absl::FunctionRef<std::unique_ptr<Authorizer>()> make_authorizer) {
  RETURN_IF_ERROR(CheckAddressIsFree(options_.listen));
  if (options_.tls_listen) RETURN_IF_ERROR(CheckAddressIsFree(*options_.tls_listen));
  Bound bound = {.plain = options_.listen, .tls = options_.tls_listen};
  for (int i = 0; i < options_.workers; ++i) {
    ASSIGN_OR_RETURN(Member member, Make(i, clock, reports, make_authorizer(), &bound));
    members_.push_back(std::move(member));
  }
  for (Member& member : members_) {
    Worker* const worker = member.worker.get();
    member.thread = std::thread([worker] { worker->Run(); });
    member.handle = member.thread.native_handle();
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

void Fleet::Post(int worker, const TokenUseAnswer& answer) {
  members_[static_cast<size_t>(worker)].worker->Post(answer);
}

void Fleet::Drain(absl::Duration patience) {
  for (Member& member : members_) member.worker->Drain(patience);
}

size_t Fleet::Inspect(const InspectOrder& order) {
  for (Member& member : members_) member.worker->Inspect(order);
  return members_.size();
}

absl::Duration Fleet::CpuTime(size_t worker) const {
  const Member& member = members_[worker];
  return member.thread.joinable() ? CpuTimeOf(member.handle) : absl::ZeroDuration();
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

int64_t Fleet::held_bytes() const {
  int64_t sum = 0;
  for (const Member& member : members_) sum += member.io->held_bytes().value();
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
