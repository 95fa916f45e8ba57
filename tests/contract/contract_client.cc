#include "tests/contract/contract_client.h"

#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/kube/api_path.h"
#include "controller/kube/pod_stream.h"

namespace spawner::contract {
namespace {

constexpr char kJsonError[] = "no answer within the test's patience";

// Keeps what comes of one stream.
class Recorder final : public kube::HttpHandler {
 public:
  void OnHead(int head_code, std::optional<absl::Duration>) override { code = head_code; }
  void OnData(absl::string_view chunk) override { data.append(chunk.data(), chunk.size()); }
  void OnEnd(const absl::Status&) override { ended = true; }
  int code = 0;
  std::string data;
  bool ended = false;
};

}  // namespace

ContractClient::ContractClient(std::string test) : test_(std::move(test)) {
  client_.emplace(world_->transport());
}

ContractClient::~ContractClient() {
  const std::string list =
      Read(absl::StrCat(kube::PodsPath(world_->ns()),
                        "?labelSelector=", kube::QueryEscape("contract=" + test_)),
           /*is_stream=*/false);
  const absl::StatusOr<kube::PodPage> page = kube::DecodePodPage(list);
  if (!page.ok()) return;
  for (const kube::Pod& pod : page->pods) {
    if (!pod.finalizers.empty()) {
      (void)Patch(pod.name, {{"metadata", {{"finalizers", nullptr}}}});
    }
    (void)Delete(pod.name, {.grace_seconds = 0});
  }
}

Json ContractClient::PendingPod(const std::string& suffix) {
  Json pod = RunningPod(suffix);
  pod["spec"]["containers"][0]["image"] = "contract/pending:1";
  pod["spec"]["nodeSelector"] = {{"contract", "no-such-node"}};
  return pod;
}

Json ContractClient::RunningPod(const std::string& suffix) {
  return {
      {"apiVersion", "v1"},
      {"kind", "Pod"},
      {"metadata", {{"name", Name(suffix)}, {"labels", {{"contract", test_}}}}},
      {"spec",
       {{"restartPolicy", "Never"},
        {"automountServiceAccountToken", false},
        {"terminationGracePeriodSeconds", 2},
        {"containers",
         {{{"name", "main"}, {"image", world_->image()}, {"imagePullPolicy", "IfNotPresent"}}}}}}};
}

absl::StatusOr<kube::Pod> ContractClient::Create(const Json& pod) {
  std::optional<absl::StatusOr<kube::Pod>> answer;
  client_->CreatePod(world_->ns(), JsonText(pod),
                     [&answer](absl::StatusOr<kube::Pod> result) { answer = std::move(result); });
  Until([&answer] { return answer.has_value(); }, absl::Seconds(40));
  return answer.value_or(absl::DeadlineExceededError(kJsonError));
}

absl::StatusOr<kube::Pod> ContractClient::Patch(const std::string& name, const Json& patch) {
  std::optional<absl::StatusOr<kube::Pod>> answer;
  client_->PatchPod(world_->ns(), name, JsonText(patch),
                    [&answer](absl::StatusOr<kube::Pod> result) { answer = std::move(result); });
  Until([&answer] { return answer.has_value(); }, absl::Seconds(40));
  return answer.value_or(absl::DeadlineExceededError(kJsonError));
}

absl::Status ContractClient::Delete(const std::string& name, const kube::DeleteOptions& options) {
  std::optional<absl::Status> answer;
  client_->DeletePod(world_->ns(), name, options,
                     [&answer](absl::Status status) { answer = std::move(status); });
  Until([&answer] { return answer.has_value(); }, absl::Seconds(40));
  return answer.value_or(absl::DeadlineExceededError(kJsonError));
}

absl::StatusOr<kube::Pod> ContractClient::GetPod(const std::string& name) {
  const absl::StatusOr<std::string> json = Get(kube::PodPath(world_->ns(), name));
  if (!json.ok()) return json.status();
  return kube::DecodePod(*json);
}

absl::StatusOr<std::string> ContractClient::Get(const std::string& path) {
  std::optional<absl::StatusOr<std::string>> answer;
  client_->GetObject(path,
                     [&answer](absl::StatusOr<std::string> result) { answer = std::move(result); });
  Until([&answer] { return answer.has_value(); }, absl::Seconds(40));
  return answer.value_or(absl::DeadlineExceededError(kJsonError));
}

absl::StatusOr<std::string> ContractClient::CreateObject(const std::string& path,
                                                         const Json& object) {
  std::optional<absl::StatusOr<std::string>> answer;
  client_->CreateObject(path, JsonText(object), [&answer](absl::StatusOr<std::string> result) {
    answer = std::move(result);
  });
  Until([&answer] { return answer.has_value(); }, absl::Seconds(40));
  return answer.value_or(absl::DeadlineExceededError(kJsonError));
}

absl::StatusOr<std::string> ContractClient::Replace(const std::string& path,
                                                    const std::string& json) {
  std::optional<absl::StatusOr<std::string>> answer;
  client_->ReplaceObject(
      path, json, [&answer](absl::StatusOr<std::string> result) { answer = std::move(result); });
  Until([&answer] { return answer.has_value(); }, absl::Seconds(40));
  return answer.value_or(absl::DeadlineExceededError(kJsonError));
}

std::string ContractClient::Read(const std::string& path, bool is_stream) {
  Recorder recorder;
  const auto id = world_->transport().Start({.path = path, .is_stream = is_stream}, &recorder);
  Until([&recorder] { return recorder.ended; }, is_stream ? absl::Seconds(2) : absl::Seconds(40));
  world_->transport().Cancel(id);
  return recorder.data;
}

ContractClient::Answer ContractClient::Stream(const std::string& path, absl::Duration patience) {
  Recorder recorder;
  const auto id =
      world_->transport().Start({.path = path, .is_stream = true, .is_pausable = true}, &recorder);
  Until([&recorder] { return recorder.ended; }, patience);
  world_->transport().Cancel(id);
  return {recorder.code, recorder.data, recorder.ended};
}

}  // namespace spawner::contract
