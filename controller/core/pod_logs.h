#ifndef SPAWNER_CONTROLLER_CORE_POD_LOGS_H_
#define SPAWNER_CONTROLLER_CORE_POD_LOGS_H_

#include <map>
#include <memory>

#include "base/clock.h"
#include "controller/core/log_source.h"
#include "controller/kube/http_transport.h"

namespace spawner::core {

// Logs from the API server, which has them from the kubelets: kept as long as the pod object is.
// Thread: the loop's, as a part of it. Owner: main. Its end drops what runs without a call.
class PodLogs final : public LogSource {
 public:
  PodLogs(kube::HttpTransport& transport, const Clock& clock);
  ~PodLogs() override;
  PodLogs(const PodLogs&) = delete;
  PodLogs& operator=(const PodLogs&) = delete;

  ReadId Start(const LogQuery& query, LogReader* reader) override;
  void Cancel(ReadId id) override;
  void SetPaused(ReadId id, bool is_paused) override;

  void Step(Instant now);
  Instant NextWake() const;

 private:
  class Read;

  kube::HttpTransport& transport_;
  const Clock& clock_;
  ReadId last_id_ = 0;
  std::map<ReadId, std::unique_ptr<Read>> reads_;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_POD_LOGS_H_
