#ifndef SPAWNER_CONTROLLER_LOCAL_TEST_CLIENT_H_
#define SPAWNER_CONTROLLER_LOCAL_TEST_CLIENT_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/json.h"
#include "controller/kube/http_transport.h"

namespace spawner::local {

// Keeps what one request gave, for tests.
class Recorder : public kube::HttpHandler {
 public:
  void OnHead(int head_code, std::optional<absl::Duration> head_retry_after) override {
    code = head_code;
    retry_after = head_retry_after;
  }
  void OnData(absl::string_view chunk) override { data.append(chunk.data(), chunk.size()); }
  void OnEnd(const absl::Status& end_status) override { status = end_status; }

  Json Body() const { return Json::parse(data, nullptr, /*allow_exceptions=*/false); }
  // The complete lines since the last call, of a watch.
  std::vector<Json> TakeEvents() {
    std::vector<Json> events;
    for (size_t end = data.find('\n'); end != std::string::npos; end = data.find('\n')) {
      events.push_back(Json::parse(data.substr(0, end), nullptr, /*allow_exceptions=*/false));
      data.erase(0, end + 1);
    }
    return events;
  }

  int code = 0;
  std::optional<absl::Duration> retry_after;
  std::string data;
  std::optional<absl::Status> status;  // once it has ended
};

// A pod of one container "main", that a test changes at will.
inline Json MakePod(const std::string& name, const std::string& image = "app:1") {
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata", {{"name", name}, {"labels", {{"app", "spawner"}}}}},
          {"spec",
           {{"restartPolicy", "Never"},
            {"terminationGracePeriodSeconds", 5},
            {"containers", {{{"name", "main"}, {"image", image}}}}}}};
}

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_TEST_CLIENT_H_
