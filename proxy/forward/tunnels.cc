#include "proxy/forward/tunnels.h"

#include <cstdint>
#include <utility>

#include "base/check.h"

namespace spawner::proxy {

void Tunnels::Add(std::unique_ptr<Tunnel> tunnel) {
  tunnel->place = static_cast<uint32_t>(open_.size());
  open_.push_back(std::move(tunnel));
}

void Tunnels::Remove(Tunnel& tunnel) {
  const uint32_t place = tunnel.place;
  SPAWNER_CHECK(place < open_.size() && open_[place].get() == &tunnel);
  std::unique_ptr<Tunnel> closed = std::move(open_[place]);
  open_[place] = std::move(open_.back());
  open_.pop_back();
  if (place < open_.size()) open_[place]->place = place;
  bench_.Bury(std::move(closed));
}

void Tunnels::OnDrainDeadline() {
  // A copy: what closes leaves the list.
  std::vector<Tunnel*> open;
  for (const auto& tunnel : open_) open.push_back(tunnel.get());
  for (Tunnel* tunnel : open) tunnel->OnDrainDeadline();
}

void Tunnels::CutOff() {
  while (!open_.empty()) open_.back()->CutOff();
}

void Tunnels::ForgetClosed() {
  std::erase_if(later_, [](const Tunnel* tunnel) { return tunnel->is_closed(); });
}

}  // namespace spawner::proxy
