// controller/local with a scripted runtime, held to the contract on a clock that the tests move.
#include <algorithm>

#include "base/random.h"
#include "controller/local/local_kubernetes.h"
#include "controller/local/scripted_runtime.h"
#include "tests/contract/kubernetes_contract.h"

namespace spawner::contract {
namespace {

class LocalWorld final : public ContractWorld {
 public:
  LocalWorld() {
    runtime_.SetScript("contract/runs:1", {.log = "hello\n"});
    runtime_.SetScript("contract/pending:1", {.unschedulable_message = "0/1 nodes are available"});
    runtime_.SetScript(missing_image(), {.is_image_missing = true});
  }
  kube::HttpTransport& transport() override { return kubernetes_; }
  const Clock& clock() override { return clock_; }
  std::string ns() const override { return "contract"; }
  std::string image() const override { return "contract/runs:1"; }
  void Pass() override {
    kubernetes_.Poll(absl::ZeroDuration());
    const Instant now = clock_.Now();
    clock_.AdvanceTo(std::clamp(kubernetes_.NextWake(), now + absl::Milliseconds(1),
                                now + absl::Milliseconds(100)));
    kubernetes_.Poll(absl::ZeroDuration());
  }
  void ForgetHistory() override { kubernetes_.ForgetHistory(); }

 private:
  FakeClock clock_;
  SeededRandom random_{1};
  local::ScriptedRuntime runtime_{clock_};
  local::LocalKubernetes kubernetes_{clock_, random_, runtime_};
};

}  // namespace

std::unique_ptr<ContractWorld> MakeContractWorld() { return std::make_unique<LocalWorld>(); }

}  // namespace spawner::contract
