#ifndef SPAWNER_CONTROLLER_LOCAL_POD_EVENTS_H_
#define SPAWNER_CONTROLLER_LOCAL_POD_EVENTS_H_

#include <cstdint>
#include <deque>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/json.h"
#include "controller/local/api_error.h"
#include "controller/local/api_path.h"

namespace spawner::local {

// core/v1 Events of the scheduler and the kubelet, for reading only. The same one again is counted,
// as a kubelet does; kept for an hour, as the real server does, and no more than kEventsMax.
// Thread: one. Owner: Kubelet.
class PodEvents {
 public:
  struct What {
    absl::string_view type;       // "Normal", "Warning"
    absl::string_view reason;     // "Started"
    absl::string_view component;  // "kubelet", "default-scheduler"
    std::string message;
  };
  void Add(const Json& pod, const What& what, absl::Time now);

  // A list, by namespace and selectors, or one by its name. 404, 400 for a bad selector.
  ApiResult<Json> Get(const ApiPath& path, uint64_t version) const;

 private:
  struct Event {
    uint64_t serial = 0;
    std::string ns;
    std::string pod;
    std::string uid;  // the pod's
    std::string type;
    std::string reason;
    std::string component;
    std::string message;
    absl::Time first;
    absl::Time last;
    int32_t count = 1;
  };

  static std::string NameOf(const Event& event);
  // Of ObjectOf's, one that a selector may name.
  static std::string FieldOf(const Event& event, const std::string& name);
  static Json ObjectOf(const Event& event);

  uint64_t last_serial_ = 0;
  std::deque<Event> events_;  // by first
};

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_POD_EVENTS_H_
