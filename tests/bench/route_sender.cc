#include "tests/bench/route_sender.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace spawner::bench {
namespace {

constexpr absl::Duration kHeartbeat = absl::Milliseconds(250);
constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr absl::Duration kChurnTick = absl::Milliseconds(1);
constexpr size_t kAddresses = 60'000;

void SetNow(google::protobuf::Timestamp* proto) {
  const int64_t now = absl::GetCurrentTimeNanos();
  proto->set_seconds(now / 1'000'000'000);
  proto->set_nanos(static_cast<int32_t>(now % 1'000'000'000));
}

}  // namespace

RouteSender::RouteSender(const Options& options) : options_(options), routes_(options.routes) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  heart_ = std::thread([this] { BeatForEver(); });
}

RouteSender::~RouteSender() {
  {
    const absl::MutexLock lock(&mutex_);
    is_over_ = true;
    if (context_ != nullptr) context_->TryCancel();
  }
  heart_.join();
  server_->Shutdown(absl::ToChronoTime(absl::Now()));
}

// As tests/bench/proxies.py: the hosts and addresses of the load come first.
v1::Route RouteSender::RouteOf(size_t number) const {
  v1::Route route;
  route.set_session_id(number < options_.hosts ? absl::StrFormat("s%04d", number)
                                               : absl::StrFormat("x%06d", number));
  route.set_namespace_("default");
  route.set_epoch(1);
  route.set_state(v1::OPEN);
  const size_t place = number % kAddresses;
  route.set_ip(absl::StrFormat("127.1.%d.%d", place / 250, place % 250 + 1));
  route.set_port(options_.backend_port);
  route.mutable_access()->set_mode(v1::PUBLIC);
  return route;
}

v1::ControllerMessage RouteSender::Table() const {
  v1::ControllerMessage message;
  v1::Routes& table = *message.mutable_routes();
  table.set_snapshot(true);
  table.set_last(true);
  table.set_version(version_);
  for (size_t i = 0; i < routes_; ++i) *table.add_routes() = RouteOf(i);
  return message;
}

grpc::Status RouteSender::Connect(grpc::ServerContext* context, Stream* stream) {
  v1::ProxyMessage message;
  if (!stream->Read(&message)) return grpc::Status::OK;
  {
    const absl::MutexLock lock(&mutex_);
    v1::ControllerMessage welcome;
    welcome.mutable_welcome()->set_controller_id("bench");
    welcome.mutable_welcome()->set_leadership(1);
    SetNow(welcome.mutable_welcome()->mutable_now());
    welcome.mutable_welcome()->mutable_heartbeat_interval()->set_nanos(
        static_cast<int32_t>(absl::ToInt64Nanoseconds(2 * kHeartbeat)));
    stream->Write(welcome);
    stream->Write(Table());
    stream_ = stream;
    context_ = context;
  }
  while (stream->Read(&message)) {
    if (!message.has_ack()) continue;
    const absl::MutexLock lock(&mutex_);
    applied_ = message.ack().version();
  }
  const absl::MutexLock lock(&mutex_);
  if (stream_ == stream) {
    stream_ = nullptr;
    context_ = nullptr;
  }
  return grpc::Status::OK;
}

void RouteSender::BeatForEver() {
  const absl::MutexLock lock(&mutex_);
  for (uint64_t sequence = 1;; ++sequence) {
    if (mutex_.AwaitWithTimeout(absl::Condition(&is_over_), kHeartbeat)) return;
    if (stream_ == nullptr) continue;
    v1::ControllerMessage message;
    message.mutable_heartbeat()->set_sequence(sequence);
    SetNow(message.mutable_heartbeat()->mutable_now());
    stream_->Write(message);
  }
}

uint64_t RouteSender::Write(v1::ControllerMessage& message) {
  message.mutable_routes()->set_version(++version_);
  if (stream_ != nullptr) stream_->Write(message);
  return version_;
}

absl::StatusOr<RouteSender::Sent> RouteSender::Await(uint64_t version, absl::Time at) {
  struct Wanted {
    const uint64_t* applied;
    uint64_t version;
  } wanted = {&applied_, version};
  const auto is_there = +[](Wanted* what) { return *what->applied >= what->version; };
  if (!mutex_.AwaitWithTimeout(absl::Condition(is_there, &wanted), kPatience)) {
    return absl::DeadlineExceededError(absl::StrCat("version ", version, " was not applied"));
  }
  return Sent{at, absl::Now() - at};
}

absl::StatusOr<RouteSender::Sent> RouteSender::Add(size_t count) {
  v1::ControllerMessage message;
  const absl::MutexLock lock(&mutex_);
  for (size_t i = 0; i < count; ++i) *message.mutable_routes()->add_routes() = RouteOf(routes_ + i);
  routes_ += count;
  const absl::Time at = absl::Now();
  return Await(Write(message), at);
}

absl::StatusOr<double> RouteSender::Churn(double per_second, absl::Duration duration) {
  const absl::Time began = absl::Now();
  int64_t sent = 0;
  uint64_t version = 0;
  for (absl::Time now = began; now < began + duration; now = absl::Now()) {
    while (static_cast<double>(sent) < per_second * absl::ToDoubleSeconds(now - began)) {
      v1::ControllerMessage message;
      const absl::MutexLock lock(&mutex_);
      for (int i = 0; i < kChangesPerMessage; ++i) {
        *message.mutable_routes()->add_routes() = RouteOf(random_() % routes_);
      }
      version = Write(message);
      sent += kChangesPerMessage;
    }
    absl::SleepFor(kChurnTick);
  }
  const absl::MutexLock lock(&mutex_);
  if (auto applied = Await(version, began); !applied.ok()) return applied.status();
  return static_cast<double>(sent) / absl::ToDoubleSeconds(absl::Now() - began);
}

absl::StatusOr<RouteSender::Sent> RouteSender::Reconnect() {
  const absl::MutexLock lock(&mutex_);
  const absl::Time at = absl::Now();
  applied_ = 0;
  if (context_ != nullptr) context_->TryCancel();
  stream_ = nullptr;
  context_ = nullptr;
  return Await(version_, at);
}

}  // namespace spawner::bench
