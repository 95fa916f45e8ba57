#ifndef SPAWNER_TESTS_CONTRACT_CONTRACT_FIXTURE_H_
#define SPAWNER_TESTS_CONTRACT_CONTRACT_FIXTURE_H_

#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/time/time.h"
#include "tests/contract/contract_client.h"

namespace spawner::contract {

// A client whose pods are named for the test.
class KubernetesContract : public testing::Test {
 protected:
  static absl::StatusCode CodeOf(const absl::Status& status) { return status.code(); }
  template <typename T>
  static absl::StatusCode CodeOf(const absl::StatusOr<T>& result) {
    return result.status().code();
  }
  // The pod once `holds`, or as it last was.
  template <typename Holds>
  kube::Pod Await(const std::string& name, Holds holds,
                  absl::Duration patience = absl::Seconds(60)) {
    absl::StatusOr<kube::Pod> pod = api_.GetPod(name);
    const bool came = api_.Until(
        [&] {
          pod = api_.GetPod(name);
          return pod.ok() && holds(*pod);
        },
        patience);
    EXPECT_TRUE(came) << pod.status();
    return pod.value_or(kube::Pod{});
  }
  bool AwaitGone(const std::string& name) {
    return api_.Until([&] { return absl::IsNotFound(api_.GetPod(name).status()); },
                      absl::Seconds(60));
  }

  ContractClient api_{
      absl::AsciiStrToLower(testing::UnitTest::GetInstance()->current_test_info()->name())};
};

}  // namespace spawner::contract

#endif  // SPAWNER_TESTS_CONTRACT_CONTRACT_FIXTURE_H_
