#ifndef SPAWNER_PROXY_SIGNALS_H_
#define SPAWNER_PROXY_SIGNALS_H_

#include "absl/status/status.h"
#include "proxy/io/io.h"

namespace spawner::proxy {

// SIGTERM, SIGINT and SIGHUP as events of main's loop. To be made before any thread, so that all
// inherit the blocked set. SIGPIPE is ignored.
// Thread: main. Owner: main.
class Signals final : public IoHandler {
 public:
  Signals();
  ~Signals() override;
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // RESOURCE_EXHAUSTED if the kernel gives no descriptor.
  absl::Status Attach(Io& io);

  // Each is true once per signal that came; the second SIGTERM means: now.
  bool TakeTerminate();
  bool TakeReload();

  void OnIo(IoEvents events) override;

 private:
  int fd_ = -1;
  int terminates_ = 0;
  int reloads_ = 0;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_SIGNALS_H_
