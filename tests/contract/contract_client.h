#ifndef SPAWNER_TESTS_CONTRACT_CONTRACT_CLIENT_H_
#define SPAWNER_TESTS_CONTRACT_CONTRACT_CLIENT_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/json.h"
#include "controller/kube/http_kube_client.h"
#include "controller/kube/pod.h"
#include "tests/contract/kubernetes_contract.h"

namespace spawner::contract {

// KubeClient's calls, waited for, in one test's part of the namespace. Its end deletes what it
// made.
class ContractClient {
 public:
  // `test` labels the pods (contract=TEST) and starts their names.
  explicit ContractClient(std::string test);
  ~ContractClient();
  ContractClient(const ContractClient&) = delete;
  ContractClient& operator=(const ContractClient&) = delete;

  // A pod of this test: one that never finds a node, or one that runs until SIGTERM.
  Json PendingPod(const std::string& suffix);
  Json RunningPod(const std::string& suffix);
  std::string Name(const std::string& suffix) const { return test_ + "-" + suffix; }

  absl::StatusOr<kube::Pod> Create(const Json& pod);
  absl::StatusOr<kube::Pod> Patch(const std::string& name, const Json& patch);
  absl::Status Delete(const std::string& name, const kube::DeleteOptions& options);
  absl::StatusOr<kube::Pod> GetPod(const std::string& name);
  absl::StatusOr<std::string> Get(const std::string& path);
  absl::StatusOr<std::string> CreateObject(const std::string& path, const Json& object);
  absl::StatusOr<std::string> Replace(const std::string& path, const std::string& json);
  // A whole list or the start of a stream: what came until `patience` was over or it ended.
  std::string Read(const std::string& path, bool is_stream);
  struct Answer {
    int code = 0;
    std::string text;
    bool is_ended = false;
  };
  // Of a GET that may be a stream, after `patience` at the latest.
  Answer Stream(const std::string& path, absl::Duration patience);

  // Lets time pass until `done` or until patience is over; false then.
  template <typename Done>
  bool Until(Done done, absl::Duration patience = absl::Seconds(30)) {
    const Instant deadline = world_->clock().Now() + patience;
    while (!done()) {
      if (world_->clock().Now() >= deadline) return false;
      world_->Pass();
    }
    return true;
  }
  ContractWorld& world() { return *world_; }
  kube::HttpKubeClient& client() { return *client_; }
  const std::string& test() const { return test_; }

 private:
  const std::string test_;
  std::unique_ptr<ContractWorld> world_ = MakeContractWorld();
  std::optional<kube::HttpKubeClient> client_;
};

}  // namespace spawner::contract

#endif  // SPAWNER_TESTS_CONTRACT_CONTRACT_CLIENT_H_
