#ifndef SPAWNER_TESTS_CONTRACT_KUBERNETES_CONTRACT_H_
#define SPAWNER_TESTS_CONTRACT_KUBERNETES_CONTRACT_H_

#include <memory>
#include <string>

#include "base/clock.h"
#include "controller/kube/http_transport.h"

namespace spawner::contract {

// A Kubernetes that is held to the contract: what Spawner relies on, tests/contract says and
// controller/local must do as a kube-apiserver does.
class ContractWorld {
 public:
  virtual ~ContractWorld() = default;
  virtual kube::HttpTransport& transport() = 0;
  virtual const Clock& clock() = 0;
  virtual std::string ns() const = 0;     // has no pods but the tests' own
  virtual std::string image() const = 0;  // runs until SIGTERM
  // One that no registry has.
  std::string missing_image() const { return "localhost/contract/missing:1"; }
  // Lets time pass, at most 100 ms of it, and moves requests on.
  virtual void Pass() = 0;
  // Makes the oldest resource versions too old, if that takes doing.
  virtual void ForgetHistory() = 0;
};

// Each binary with these tests links one that is made here.
std::unique_ptr<ContractWorld> MakeContractWorld();

}  // namespace spawner::contract

#endif  // SPAWNER_TESTS_CONTRACT_KUBERNETES_CONTRACT_H_
