#ifndef SPAWNER_CONTROLLER_KUBE_HTTP_KUBE_CLIENT_H_
#define SPAWNER_CONTROLLER_KUBE_HTTP_KUBE_CLIENT_H_

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "controller/kube/api_path.h"
#include "controller/kube/http_transport.h"
#include "controller/kube/kube_client.h"

namespace spawner::kube {

// KubeClient over any HttpTransport. An answer of more than kAnswerBytesMax is no answer.
// Thread: the loop's. Owner: main. Its end drops what is in flight without a callback.
class HttpKubeClient final : public KubeClient {
 public:
  explicit HttpKubeClient(HttpTransport& transport);
  ~HttpKubeClient() override;
  HttpKubeClient(const HttpKubeClient&) = delete;
  HttpKubeClient& operator=(const HttpKubeClient&) = delete;

  void CreatePod(absl::string_view ns, std::string json, PodDone done) override;
  void PatchPod(absl::string_view ns, absl::string_view name, std::string merge_patch,
                PodDone done) override;
  void DeletePod(absl::string_view ns, absl::string_view name, DeleteOptions options,
                 std::function<void(absl::Status)> done) override;
  void GetObject(std::string path, ObjectDone done) override;
  void CreateObject(std::string path, std::string json, ObjectDone done) override;
  void ReplaceObject(std::string path, std::string json, ObjectDone done) override;
  void DeleteObject(std::string path, DeleteOptions options,
                    std::function<void(absl::Status)> done) override;

 private:
  class Exchange;
  void Send(HttpRequest request, RequestName name, ObjectDone done);

  HttpTransport& transport_;
  std::unordered_map<const Exchange*, std::unique_ptr<Exchange>> exchanges_;
};

}  // namespace spawner::kube

#endif  // SPAWNER_CONTROLLER_KUBE_HTTP_KUBE_CLIENT_H_
