// Goal: whatever a controller sends over the link, the proxy does not crash, its memory is bounded,
// and its routes are whole. Method: a tape fills ControllerMessages field by field (api_message.h),
// or bytes are taken as one; between them workers apply, time passes, streams end and are dialled.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "proxy/link/link.h"
#include "proxy/route/route.h"
#include "proxy/route/route_table.h"
#include "spawner/v1/proxy_link.pb.h"
#include "tests/fuzz/api_message.h"

namespace spawner::proxy {
namespace {

constexpr int kStepsMax = 64;
constexpr int kMessagesPerStepMax = 1000;

class Target {
 public:
  // Dialled, and welcome.
  Target() {
    Step();
    v1::ControllerMessage welcome;
    welcome.mutable_welcome()->set_leadership(1);
    link_.OnMessage(link_.stream(), welcome, clock_.Now());
    Step();
  }

  void Turn(fuzz::Tape& tape) {
    static const fuzz::Names& names = *new fuzz::Names();
    v1::ControllerMessage message;
    switch (tape.Choose(8)) {
      case 0:
        clock_.Advance(absl::Milliseconds(tape.Choose(256) * 50));
        break;
      case 1:
        link_.OnClosed(link_.stream(), absl::UnavailableError("cut"), clock_.Now());
        break;
      case 2:
        if (!message.ParseFromString(tape.Text())) break;
        link_.OnMessage(link_.stream(), message, clock_.Now());
        break;
      case 3:
        link_.OnUnknown("s-1", clock_.Now());
        break;
      default:
        fuzz::Fill(tape, names, message);
        link_.OnMessage(link_.stream(), message, clock_.Now());
    }
    Step();
  }

 private:
  void Step() {
    const LinkOutput out = link_.Step(clock_.Now());
    for (const RouteChange& change : out.changes) {
      table_.Apply(change, clock_.Now());
      while (table_.is_sweeping()) table_.Sweep(1, clock_.Now());
      for (const Route& route : change.routes) {
        if (route.state == RouteState::kOpen && route.ip.empty()) std::abort();
      }
      if (change.version != RouteVersion{}) link_.OnApplied(0, change.version, {});
    }
    for (size_t i = 0; i < out.inspects.size(); ++i) link_.OnInspected(link_.stream(), {});
    for (int i = 0; link_.NextMessage(clock_.Now()).has_value(); ++i) {
      if (i > kMessagesPerStepMax) std::abort();  // it would never be quiet
    }
  }

  FakeClock clock_;
  SeededRandom random_{1};
  Link link_{{.controller = "c:1", .proxy_id = "p", .generation = 1}, random_};
  RouteTable table_;
};

}  // namespace
}  // namespace spawner::proxy

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  spawner::SetLogLevel(spawner::LogLevel::kError);
  spawner::fuzz::Tape tape(data, size);
  spawner::proxy::Target target;
  for (int i = 0; i < spawner::proxy::kStepsMax && !tape.is_over(); ++i) target.Turn(tape);
  return 0;
}
