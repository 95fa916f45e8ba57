#ifndef SPAWNER_PROXY_FORWARD_TUNNELS_H_
#define SPAWNER_PROXY_FORWARD_TUNNELS_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "proxy/forward/tunnel.h"
#include "proxy/forward/workbench.h"

namespace spawner::proxy {

// All tunnels of one worker, until they have closed.
// Thread: its worker's. Owner: Worker.
class Tunnels {
 public:
  explicit Tunnels(Workbench& bench) : bench_(bench) {}
  Tunnels(const Tunnels&) = delete;
  Tunnels& operator=(const Tunnels&) = delete;

  void Add(std::unique_ptr<Tunnel> tunnel);
  size_t size() const { return open_.size(); }
  bool empty() const { return open_.empty(); }

  void OnDrainDeadline();
  void CutOff();

  // Work left over from this turn.
  bool has_more() const { return !later_.empty(); }
  void RunLaters() { bench_.bytes.RunLaters(&later_); }
  // Before the graves are emptied.
  void ForgetClosed();

  // ---- for Tunnel ----
  void RunLater(Tunnel& tunnel) { later_.push_back(&tunnel); }
  // It has closed: buries it.
  void Remove(Tunnel& tunnel);

 private:
  Workbench& bench_;
  std::vector<std::unique_ptr<Tunnel>> open_;
  std::vector<Tunnel*> later_;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_TUNNELS_H_
