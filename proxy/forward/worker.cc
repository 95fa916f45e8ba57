#include "proxy/forward/worker.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/status.h"
#include "proxy/forward/answers.h"
#include "proxy/forward/limits.h"
#include "proxy/io/limits.h"
#include "proxy/route/limits.h"

namespace spawner::proxy {
namespace {

// How long a worker that is out of descriptors leaves the backlog alone.
constexpr absl::Duration kAcceptPause = absl::Milliseconds(100);

}  // namespace

Worker::Worker(Options options, Io& io, const Clock& clock, WorkerReports& reports,
               std::unique_ptr<Authorizer> authorizer)
    : options_(std::move(options)),
      io_(io),
      clock_(clock),
      reports_(reports),
      authorizer_(std::move(authorizer)),
      bench_(std::make_unique<Workbench>(io)),
      sessions_(*bench_, reports, options_.index),
      token_uses_(reports, options_.index),
      tunnels_(*bench_),
      h2_clients_(*bench_, *this),
      h2_backends_({io, bench_->timers, bench_->now, bench_->scratch.get()}),
      mailbox_([&io] { io.Wake(); }),
      access_log_(options_.access_sink == nullptr
                      ? nullptr
                      : std::make_unique<AccessLog>(*options_.access_sink, options_.access_sample,
                                                    clock, bench_->counters, options_.seed + 1)) {
  bench_->now = clock.Now();
  bench_->options = options_.forward;
  bench_->request.fields.set_max(options_.forward.limits.fields_max);
  bench_->caps = options_.caps;
  bench_->held = options_.held;
  bench_->authorizer = authorizer_.get();
  bench_->sessions = &sessions_;
  bench_->tunnels = &tunnels_;
  bench_->token_uses = &token_uses_;
  bench_->h2_backends = &h2_backends_.io();
  bench_->access_log = access_log_.get();
  bench_->random = SeededRandom(options_.seed);
}

Worker::~Worker() {
  CloseListeners();
  // Ends every exchange, so that sessions are empty when they go.
  bench_->is_draining = true;
  while (!clients_.empty()) clients_.back()->CutOff();
  tunnels_.CutOff();
  h2_clients_.CutOff();
  EmptyGraves();
  if (access_log_ != nullptr) access_log_->EndTurn(bench_->now, true);
}

absl::StatusOr<Address> Worker::Listen(const Address& address) {
  ASSIGN_OR_RETURN(const Socket listener, io_.Listen(address, *this));
  AddListener(listener);
  return io_.LocalAddress(listener);
}

void Worker::CloseListeners() {
  for (const Socket listener : listeners_) io_.Close(listener);
  listeners_.clear();
}

// A listener stays while handshakes of its connections are under way: their clients would take an
// end for a failure.
void Worker::StopListening() {
  std::erase_if(listeners_, [this](Socket listener) {
    if (io_.StopListening(listener)) return false;
    io_.Close(listener);
    return true;
  });
}

void Worker::Run() {
  while (Turn(absl::InfiniteDuration())) {
  }
}

bool Worker::Turn(absl::Duration max_wait) {
  io_.Wait(WaitTime(max_wait));
  bench_->now = clock_.Now();
  ++bench_->turn;
  bench_->bytes.Begin();
  io_.Dispatch();
  bench_->timers.Run(bench_->now);
  if (accept_again_ <= bench_->now) AcceptSome();
  RunLaters();
  OpenLetters();
  if (drain_deadline_ <= bench_->now) {
    drain_deadline_ = Instant::Infinite();
    CloseListeners();
    // A copy: what is cut off leaves the list.
    std::vector<Downstream*> open;
    for (const auto& client : clients_) open.push_back(client.get());
    for (Downstream* client : open) client->OnDrainDeadline();
    tunnels_.OnDrainDeadline();
    h2_clients_.RunTurn();
    h2_clients_.CutOff();
  }
  RunHttp2();
  // The last counts go out before OnDrained, after which nobody may listen.
  const bool is_last = bench_->is_draining && is_empty();
  sessions_.EndTurn(is_last);
  if (access_log_ != nullptr) access_log_->EndTurn(bench_->now, is_last);
  EmptyGraves();
  CheckDrained();
  return !is_stopped_;
}

// Requests that came go on to backends, and answers that came to clients, in this turn.
void Worker::RunHttp2() {
  h2_clients_.RunTurn();
  h2_backends_.RunTurn();
  if (h2_clients_.has_more()) h2_clients_.RunTurn();
}

absl::Duration Worker::WaitTime(absl::Duration max_wait) const {
  const bool is_busy = !bench_->later.empty() || tunnels_.has_more() || h2_clients_.has_more() ||
                       h2_backends_.has_more();
  if (is_busy || has_letters()) return absl::ZeroDuration();
  Instant next =
      std::min({bench_->timers.Next(), sessions_.next_report(), accept_again_, drain_deadline_});
  if (access_log_ != nullptr) next = std::min(next, access_log_->next_flush());
  if (next == Instant::Infinite()) return max_wait;
  return std::clamp(next - clock_.Now(), absl::ZeroDuration(), max_wait);
}

// Of a turn, in routes.
size_t Worker::CostOf(const Letter& letter) {
  const auto* change = std::get_if<RouteChange>(&letter);
  if (change == nullptr) return 1;
  return std::max<size_t>(1,
                          change->routes.size() + change->removed.size() + change->unknown.size());
}

// In the order in which they were posted, as far as a turn's routes reach.
void Worker::OpenLetters() {
  for (size_t routes = 0; routes < kRoutesPerTurn;) {
    if (sessions_.is_sweeping()) {
      routes += sessions_.Sweep(kRoutesPerTurn - routes);
      continue;
    }
    if (opened_ == letters_.size()) {
      letters_ = mailbox_.Drain();
      opened_ = 0;
      if (letters_.empty()) return;
    }
    const size_t cost = CostOf(letters_[opened_]);
    if (routes > 0 && routes + cost > kRoutesPerTurn) return;
    routes += cost;
    Open(std::move(letters_[opened_++]));
  }
}

void Worker::Open(Letter letter) {
  if (auto* change = std::get_if<RouteChange>(&letter)) {
    sessions_.Apply(std::move(*change));
  } else if (auto* link = std::get_if<LinkState>(&letter)) {
    sessions_.SetLink(*link);
    if (authorizer_ != nullptr) authorizer_->Update(*link);
  } else if (const auto* use = std::get_if<TokenUseAnswer>(&letter)) {
    token_uses_.Take(*use);
  } else if (auto* inspect = std::get_if<InspectOrder>(&letter)) {
    Answer(*inspect);
  } else if (auto* drain = std::get_if<DrainOrder>(&letter)) {
    BeginDrain(drain->patience);
  } else {
    is_stopped_ = true;
  }
}

void Worker::OnIo(IoEvents) {
  AcceptSome();
  if (bench_->is_draining) StopListening();
}

void Worker::AcceptSome() {
  accept_again_ = Instant::Infinite();
  const int64_t refused = bench_->counters.refused.value();
  const bool was_full = std::exchange(is_full_, false);
  bool has_more = false;
  for (const Socket listener : listeners_) has_more |= AcceptFrom(listener);
  if (is_full_ && !was_full) bench_->counters.accept_pauses.Add();
  // The edges are used up, the backlogs may not be.
  const bool is_short = is_full_ || bench_->counters.refused.value() > refused;
  if (has_more) accept_again_ = is_short ? bench_->now + kAcceptPause : bench_->now;
}

// True if there may be more.
bool Worker::AcceptFrom(Socket listener) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    Accepted accepted = io_.Accept(listener);
    if (accepted.kind == Accepted::Kind::kEmpty) return false;
    if (accepted.kind == Accepted::Kind::kFull) {
      is_full_ = true;
      return true;
    }
    if (accepted.kind == Accepted::Kind::kRefused) {
      bench_->counters.refused.Add();
      continue;
    }
    if (clients_.size() + tunnels_.size() + h2_clients_.size() >= kClientsPerWorkerMax) {
      bench_->counters.refused.Add();
      io_.Close(accepted.socket);
      continue;
    }
    AddressSlot slot;
    const bool is_trusted = bench_->options.trusted_proxies.Contains(accepted.peer_ip);
    if (!is_trusted && !accepted.is_counted && !Count(accepted, &slot)) continue;
    ClientPeer peer = {.ip = std::move(accepted.peer_ip),
                       .is_secure = accepted.is_secure,
                       .is_trusted = is_trusted};
    if (!accepted.is_h2) {
      Serve(io_, accepted.socket, std::move(peer), std::move(slot));
    } else if (!h2_clients_.Accept(accepted.socket, std::move(peer), std::move(slot))) {
      bench_->counters.refused.Add();
    }
  }
  return true;
}

void Worker::Serve(Io& io, Socket socket, ClientPeer peer, AddressSlot address) {
  auto client =
      std::make_unique<Downstream>(*bench_, io, *this, std::move(peer), std::move(address));
  if (!client->Start(socket)) {
    bench_->counters.refused.Add();
    return;
  }
  client->place = clients_.size();
  clients_.push_back(std::move(client));
}

void Worker::OnHttp2(Downstream& downstream, absl::string_view bytes) {
  h2_clients_.Begin(std::move(downstream.stream()), downstream.peer(), downstream.TakeAddress(),
                    bytes);
}

// Bounded by the connections and their kStreamsMax; together as the others.
void Worker::OnH2Stream(Socket socket, const ClientPeer& peer) {
  if (clients_.size() + tunnels_.size() + h2_clients_.size() < kClientsPerWorkerMax) {
    return Serve(h2_clients_.io(), socket, peer);
  }
  bench_->counters.refused.Add();
  h2_clients_.io().Abort(socket);
}

bool Worker::Count(const Accepted& accepted, AddressSlot* slot) {
  if (options_.addresses == nullptr) return true;
  std::optional<AddressSlot> found = options_.addresses->TryOpen(accepted.peer_ip);
  if (found.has_value()) {
    *slot = std::move(*found);
    return true;
  }
  bench_->counters.refused_addresses.Add();
  // Nobody waits until it has read this: a flood must cost less than it does to whoever makes it.
  if (!accepted.is_h2) {
    std::string answer = RenderAnswer(TooManyFromAddress(), {});
    const iovec piece = {answer.data(), answer.size()};
    io_.Write(accepted.socket, absl::MakeConstSpan(&piece, 1));
  }
  io_.Close(accepted.socket);
  return false;
}

void Worker::OnClosed(Downstream& downstream) {
  const size_t place = downstream.place;
  SPAWNER_CHECK(place < clients_.size() && clients_[place].get() == &downstream);
  std::unique_ptr<Downstream> closed = std::move(clients_[place]);
  clients_[place] = std::move(clients_.back());
  clients_.pop_back();
  if (place < clients_.size()) clients_[place]->place = place;
  bench_->Bury(std::move(closed));
}

void Worker::BeginDrain(absl::Duration patience) {
  if (bench_->is_draining) return;
  // Those whose handshake is done would get a reset: take them first, bounded.
  if (!listeners_.empty()) {
    for (int i = 0; i < kListenBacklog / kAcceptsPerTurn; ++i) {
      AcceptSome();
      if (accept_again_ != bench_->now) break;
    }
    StopListening();
  }
  accept_again_ = Instant::Infinite();
  h2_clients_.RunTurn();  // streams that wait to be read are no idle connections
  bench_->is_draining = true;
  drain_deadline_ = bench_->now + patience;
  std::vector<Downstream*> open;
  for (const auto& client : clients_) open.push_back(client.get());
  for (Downstream* client : open) client->OnDrain();
  h2_clients_.OnDrain();
}

void Worker::Answer(const InspectOrder& order) {
  const Counters& counters = bench_->counters;
  Inspection inspection = {.worker = options_.index,
                           .clients = counters.clients.value(),
                           .upstreams = counters.upstreams.value(),
                           .tunnels = counters.tunnels.value(),
                           .held = counters.held.value()};
  sessions_.Inspect(order, &inspection);
  order.reply(std::move(inspection));
}

void Worker::RunLaters() {
  bench_->bytes.RunLaters(&bench_->later);
  tunnels_.RunLaters();
}

void Worker::EmptyGraves() {
  if (bench_->graves.empty()) return;
  std::erase_if(bench_->later, [](const Downstream* client) { return client->is_closed(); });
  tunnels_.ForgetClosed();
  h2_clients_.ForgetClosed();
  // Burying more from a destructor would be a mistake, but not one to crash for.
  const std::vector<std::unique_ptr<IoHandler>> graves = std::move(bench_->graves);
  bench_->graves.clear();
}

void Worker::CheckDrained() {
  if (!bench_->is_draining || is_drained_ || !is_empty()) return;
  is_drained_ = true;
  reports_.OnDrained(options_.index);
}

}  // namespace spawner::proxy
