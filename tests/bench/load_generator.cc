#include "tests/bench/load_generator.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "tests/bench/limits.h"

namespace spawner::bench {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr int kFirstHostStep = 977;          // prime: first hosts lie apart
constexpr int64_t kHeadStartNs = 1'000'000;  // from the last handshake to the first that is due
constexpr int64_t kConnectingTickNs = 1'000'000;

}  // namespace

LoadGenerator::LoadGenerator(const LoadOptions& options, const Clock& clock)
    : options_(options),
      clock_(clock),
      text_(options_),
      scratch_(kScratchBytes, '\0'),
      context_{.options = options_,
               .text = text_,
               .poller = poller_,
               .scratch = absl::MakeSpan(scratch_)},
      created_ns_(Now()) {
  connections_.reserve(static_cast<size_t>(options_.connections));
  for (int i = 0; i < options_.connections; ++i) {
    connections_.emplace_back(context_, i * kFirstHostStep % options_.hosts);
  }
}

absl::StatusOr<LoadReport> LoadGenerator::Report() const {
  if (!status_.ok()) return status_;
  return report_;
}

void LoadGenerator::Fail(const absl::Status& status) {
  status_ = status;
  phase_ = Phase::kOver;
}

bool LoadGenerator::Turn(int64_t wait_ns) {
  int64_t now = Now();
  if (phase_ == Phase::kConnecting) OpenMore();
  if (phase_ == Phase::kWarmUp && now >= measure_ns_) BeginMeasuring(now);
  if (phase_ == Phase::kMeasuring && now >= end_ns_) FinishMeasuring(now);
  if (phase_ == Phase::kOver) return false;
  if (phase_ != Phase::kConnecting && !is_closed_loop()) LaunchDue(now);

  const int64_t wake_ns = NextWake(Now());
  const int64_t wait = wait_ns == Poller::kForever ? wake_ns : std::min(wait_ns, wake_ns);
  for (const epoll_event& event : poller_.Wait(wait)) {
    auto& connection = *static_cast<LoadConnection*>(event.data.ptr);
    Handle(connection, connection.OnEvent(event.events));
  }
  return true;
}

int64_t LoadGenerator::NextWake(int64_t now) const {
  if (phase_ == Phase::kConnecting) return kConnectingTickNs;
  int64_t wake = phase_ == Phase::kWarmUp ? measure_ns_ : end_ns_;
  const bool has_arrivals = !is_closed_loop() && options_.kind != LoadOptions::Kind::kIdle;
  if (has_arrivals) wake = std::min(wake, DueOf(arrivals_));
  return std::max<int64_t>(wake - now, 0);
}

int64_t LoadGenerator::DueOf(uint64_t arrival) const {
  return start_ns_ +
         static_cast<int64_t>(static_cast<double>(arrival) * kNsPerSecond / options_.rate);
}

void LoadGenerator::OpenMore() {
  const size_t wanted = options_.is_one_shot ? 0 : connections_.size();
  while (opened_ < wanted && opened_ - up_ - failed_ < kHandshakesMax) {
    Dial(connections_[opened_++]);
  }
  const int64_t now = Now();
  const bool is_too_late = now - created_ns_ > kConnectPatienceNs;
  if (failed_ * 10 > wanted || (is_too_late && up_ + failed_ < wanted)) {
    Fail(absl::DeadlineExceededError(
        absl::StrCat("only ", up_, " of ", wanted, " connections opened: ", report_.first_error)));
  } else if (up_ + failed_ == wanted) {
    Begin(now);
  }
}

void LoadGenerator::Begin(int64_t now) {
  phase_ = Phase::kWarmUp;
  start_ns_ = is_closed_loop() ? now : now + kHeadStartNs;
  measure_ns_ = start_ns_ + static_cast<int64_t>(options_.warm_up_s * kNsPerSecond);
  end_ns_ = measure_ns_ + static_cast<int64_t>(options_.seconds * kNsPerSecond);
  if (!is_closed_loop()) {
    interval_ns_ = static_cast<int64_t>(options_.connections * kNsPerSecond / options_.rate);
  }
  for (size_t i = 0; i < connections_.size(); ++i) {
    connections_[i].due_ns = is_closed_loop() ? now : DueOf(i);
    if (is_closed_loop()) Next(connections_[i], now);
  }
}

void LoadGenerator::BeginMeasuring(int64_t now) {
  phase_ = Phase::kMeasuring;
  measure_ns_ = now;
  context_.bytes_read = 0;
  report_.connects = 0;
  report_.load_cpu_ns = -OwnCpuNs();
  if (options_.cpu_file.empty()) return;
  const absl::StatusOr<int64_t> cpu = ReadCpuNs(options_.cpu_file);
  if (!cpu.ok()) return Fail(cpu.status());
  report_.proxy_cpu_ns = -*cpu;
}

void LoadGenerator::FinishMeasuring(int64_t now) {
  phase_ = Phase::kOver;
  if (!options_.cpu_file.empty()) {
    const absl::StatusOr<int64_t> cpu = ReadCpuNs(options_.cpu_file);
    if (!cpu.ok()) return Fail(cpu.status());
    report_.proxy_cpu_ns += *cpu;
  }
  report_.load_cpu_ns += OwnCpuNs();
  report_.seconds = static_cast<double>(now - measure_ns_) / kNsPerSecond;
  report_.bytes_read = context_.bytes_read;
  for (const LoadConnection& connection : connections_) {
    if (connection.is_open()) ++report_.open;
    const bool is_due = connection.is_busy() || (options_.is_one_shot && !connection.is_closed());
    if (is_due && connection.due_ns + kLateNs < now) ++report_.late;
  }
}

void LoadGenerator::LaunchDue(int64_t now) {
  if (options_.kind == LoadOptions::Kind::kIdle) return;
  for (int64_t due = DueOf(arrivals_); due <= now && now < end_ns_; due = DueOf(arrivals_)) {
    Next(connections_[arrivals_ % connections_.size()], now);
    ++arrivals_;
    now = Now();
  }
}

void LoadGenerator::Next(LoadConnection& connection, int64_t now) {
  if (phase_ == Phase::kConnecting || options_.kind == LoadOptions::Kind::kIdle) return;
  if (is_closed_loop() && !connection.is_busy()) connection.due_ns = now;
  if (connection.due_ns > now) return;
  if (connection.is_idle()) {
    Handle(connection, connection.Send());
  } else if (connection.is_closed() && options_.kind == LoadOptions::Kind::kHttp) {
    Dial(connection);
  }
}

// One that fails at once stays closed until its next request is due.
void LoadGenerator::Dial(LoadConnection& connection) {
  ++report_.connects;
  if (connection.Dial() != Outcome::kLost) return;
  CountError(connection);
  if (phase_ == Phase::kConnecting) ++failed_;
  connection.due_ns += interval_ns_;
}

void LoadGenerator::CountError(const LoadConnection& connection) {
  ++report_.errors;
  if (report_.first_error.empty()) report_.first_error = connection.error();
}

void LoadGenerator::Handle(LoadConnection& connection, Outcome outcome) {
  switch (outcome) {
    case Outcome::kNothing:
      return;
    case Outcome::kUp:
      if (phase_ == Phase::kConnecting) ++up_;
      // A one-shot connection's request was due before it was dialed.
      if (options_.is_one_shot) return Handle(connection, connection.Send());
      return Next(connection, Now());
    case Outcome::kAnswered:
    case Outcome::kBadAnswer:
      return OnAnswer(connection, outcome, Now());
    case Outcome::kLost:
      return OnLost(connection, Now());
  }
}

void LoadGenerator::OnAnswer(LoadConnection& connection, Outcome outcome, int64_t now) {
  if (outcome == Outcome::kBadAnswer) {
    ++report_.bad;
    if (report_.first_error.empty()) report_.first_error = connection.error();
  } else if (phase_ == Phase::kMeasuring) {
    report_.latency_ns.Add(now - connection.due_ns);
  }
  connection.due_ns += interval_ns_;
  if (!connection.is_used_up()) return Next(connection, now);
  connection.Close();
  if (options_.is_one_shot) return Next(connection, now);
  Dial(connection);
}

void LoadGenerator::OnLost(LoadConnection& connection, int64_t now) {
  if (phase_ == Phase::kConnecting) {
    CountError(connection);
    ++failed_;
    return;
  }
  if (options_.kind != LoadOptions::Kind::kHttp) {
    ++report_.dropped;
    if (report_.first_error.empty()) report_.first_error = connection.error();
    return;
  }
  // To close a connection that is idle is the proxy's good right.
  if (connection.was_busy()) {
    CountError(connection);
    connection.due_ns += interval_ns_;
  }
  if (options_.is_one_shot) return Next(connection, now);
  Dial(connection);
}

}  // namespace spawner::bench
