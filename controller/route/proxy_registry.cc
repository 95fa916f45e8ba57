#include "controller/route/proxy_registry.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controller/route/limits.h"

namespace spawner::route {
namespace {

absl::Status ValidateHello(const Hello& hello) {
  if (hello.proxy_id.empty() || hello.proxy_id.size() > kProxyIdBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("hello: proxy_id has ", hello.proxy_id.size(),
                                                   " bytes, 1 to 128 are allowed"));
  }
  if (hello.generation == 0) return absl::InvalidArgumentError("hello: generation is 0");
  if (hello.pod_uid.size() > kPodNameBytesMax || hello.pod_name.size() > kPodNameBytesMax ||
      hello.pod_namespace.size() > kPodNameBytesMax) {
    return absl::InvalidArgumentError("hello: a name of the pod is longer than 253 bytes");
  }
  return absl::OkStatus();
}

}  // namespace

void ProxyRegistry::BeginTerm(uint32_t leadership) {
  leadership_ = leadership;
  for (auto& [key, proxy] : proxies_) {
    proxy.acked = 0;
    proxy.sent = 0;
    proxy.gates.clear();
  }
}

void ProxyRegistry::LoadRoster(const std::vector<RosterEntry>& entries, Instant now) {
  for (const RosterEntry& entry : entries) {
    const ProxyKey key(entry.id, entry.generation);
    if (proxies_.size() >= kProxiesMax || proxies_.count(key) > 0) continue;
    // A newer process of it has reported already: the proof.
    const auto newer = proxies_.upper_bound(key);
    if (newer != proxies_.end() && newer->first.first == entry.id && newer->second.link != 0) {
      continue;
    }
    Proxy& proxy = proxies_[key];
    proxy.entry = entry;
    proxy.lost_at = now;
    ++roster_serial_;
  }
}

std::vector<RosterEntry> ProxyRegistry::Roster() const {
  std::vector<RosterEntry> entries;
  for (const auto& [key, proxy] : proxies_) entries.push_back(proxy.entry);
  return entries;
}

absl::Status ProxyRegistry::OnHello(LinkId link, const Hello& hello, Instant now,
                                    LinkId& replaced_link) {
  if (absl::Status valid = ValidateHello(hello); !valid.ok()) return valid;
  const ProxyKey key(hello.proxy_id, hello.generation);
  auto found = proxies_.find(key);
  if (found == proxies_.end()) {
    if (proxies_.size() >= kProxiesMax) {
      return absl::ResourceExhaustedError(
          absl::StrCat("hello: ", proxies_.size(), " proxies are known, no more are accepted"));
    }
    found = proxies_.try_emplace(key).first;
    changes_.is_roster_changed = true;
    ++roster_serial_;
  } else if (found->second.link != 0) {
    replaced_link = found->second.link;
    links_.erase(replaced_link);
  } else {
    // Its totals tell of use since then; only reports that the broken link swallowed are missing.
    NoteAccounted(found->second, std::min(now, found->second.lost_at + kReportLossMax));
  }
  Proxy& proxy = found->second;
  const bool is_new_here = proxy.sent == 0;
  proxy.entry = {hello.proxy_id, hello.generation, hello.pod_uid, hello.pod_name,
                 hello.pod_namespace};
  proxy.version = hello.version;
  proxy.link = link;
  proxy.heard_at = now;
  proxy.is_given_up = false;
  proxy.is_leaving = false;
  // An ack may have been lost with the former link; the proxy acknowledges again.
  proxy.acked = 0;
  proxy.gates.clear();
  if (is_new_here && hello.leadership == leadership_) proxy.sent = hello.route_version;
  links_[link] = key;
  Usage usage = hello.usage;
  usage.is_complete = true;
  absl::Status taken = TakeUsage(proxy, usage);

  // This process reports, so an older one of the same id that is lost is dead.
  std::vector<ProxyKey> dead;
  for (auto older = proxies_.lower_bound({hello.proxy_id, 0}); older->first != key; ++older) {
    if (older->second.link == 0) dead.push_back(older->first);
  }
  for (const ProxyKey& gone : dead) Remove(gone, now);
  return taken;
}

absl::Status ProxyRegistry::OnAck(LinkId link, const Ack& ack, Instant now) {
  Proxy* proxy = FindByLink(link);
  if (proxy == nullptr) return absl::OkStatus();
  proxy->heard_at = now;
  if (ack.leadership != leadership_) return absl::OkStatus();  // of a term that is over
  if (ack.version > proxy->sent) {
    return absl::InvalidArgumentError(absl::StrCat("ack of version ", ack.version, ", but ",
                                                   proxy->sent, " is the newest that was sent"));
  }
  if (ack.gates.size() > kUsageEntriesMax) return absl::InvalidArgumentError("ack: too many gates");
  for (const GateCount& gate : ack.gates) {
    if (gate.open < 0 || gate.waiting < 0) {
      return absl::InvalidArgumentError("ack: a gate count is negative");
    }
    proxy->gates[gate.session] = gate;
    changes_.sessions.push_back(gate.session);
  }
  if (ack.version > proxy->acked) {
    proxy->acked = ack.version;
    changes_.is_anything_acked = true;
  }
  return absl::OkStatus();
}

absl::Status ProxyRegistry::OnUsage(LinkId link, const Usage& usage, Instant now) {
  Proxy* proxy = FindByLink(link);
  if (proxy == nullptr) return absl::OkStatus();
  proxy->heard_at = now;
  return TakeUsage(*proxy, usage);
}

absl::Status ProxyRegistry::TakeUsage(Proxy& proxy, const Usage& usage) {
  if (usage.sessions.size() > kUsageEntriesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("usage of ", usage.sessions.size(), " sessions"));
  }
  std::map<UsageKey, SessionUsage> before;
  if (usage.is_complete) {
    before.swap(proxy.usage);
    for (const auto& [key, old] : before) {
      if (old.open != 0) changes_.sessions.push_back(key.first);
    }
  }
  for (const SessionUsage& entry : usage.sessions) {
    if (entry.open < 0 || entry.held < 0) {
      return absl::InvalidArgumentError("usage: a count is negative");
    }
    if (proxy.usage.size() >= kUsageEntriesMax) {
      return absl::InvalidArgumentError("usage: too many sessions");
    }
    // What an earlier epoch counted is over once it is zero.
    auto old = proxy.usage.lower_bound({entry.session, Epoch{0}});
    while (old != proxy.usage.end() && old->first < std::pair(entry.session, entry.epoch)) {
      old = old->second.open == 0 ? proxy.usage.erase(old) : std::next(old);
    }
    SessionUsage& known = proxy.usage[{entry.session, entry.epoch}];
    if (const auto old_one = before.find({entry.session, entry.epoch}); old_one != before.end()) {
      known = old_one->second;
    }
    if (entry.open > 0 || entry.opened_total > known.opened_total) {
      changes_.used.push_back(entry.session);
    }
    known = entry;
    known.heard_at = proxy.heard_at;
    changes_.sessions.push_back(entry.session);
  }
  return absl::OkStatus();
}

void ProxyRegistry::OnHeartbeat(LinkId link, Instant now) {
  if (Proxy* proxy = FindByLink(link)) proxy->heard_at = now;
}

void ProxyRegistry::OnLeaving(LinkId link, Instant now) {
  if (Proxy* proxy = FindByLink(link)) {
    proxy->heard_at = now;
    proxy->is_leaving = true;
  }
}

void ProxyRegistry::OnLinkClosed(LinkId link, Instant now) {
  const auto found = links_.find(link);
  if (found == links_.end()) return;
  const ProxyKey key = found->second;
  links_.erase(found);
  Lose(proxies_.at(key), now);
}

void ProxyRegistry::Lose(Proxy& proxy, Instant now) {
  proxy.link = 0;
  proxy.lost_at = now;
  proxy.acked = 0;
  proxy.gates.clear();
  changes_.is_anything_acked = true;  // those that waited for it alone wait no longer
  const ProxyKey key(proxy.entry.id, proxy.entry.generation);
  int64_t open = 0;
  for (const auto& [session, usage] : proxy.usage) {
    open += usage.open;
    changes_.sessions.push_back(session.first);
  }
  // It takes no new connections and has none: nothing of it can be lost.
  const bool has_left = proxy.is_leaving && open == 0;
  const auto newer = proxies_.upper_bound(key);
  const bool is_replaced = newer != proxies_.end() && newer->first.first == key.first;
  if (has_left || is_replaced) Remove(key, now);
}

void ProxyRegistry::OnRoutesSent(LinkId link, uint64_t version) {
  if (Proxy* proxy = FindByLink(link)) proxy->sent = std::max(proxy->sent, version);
}

void ProxyRegistry::OnPodGone(absl::string_view pod_uid, Instant now) {
  if (pod_uid.empty()) return;
  std::vector<ProxyKey> dead;
  for (const auto& [key, proxy] : proxies_) {
    if (proxy.entry.pod_uid == pod_uid && proxy.link == 0) dead.push_back(key);
  }
  for (const ProxyKey& key : dead) Remove(key, now);
}

void ProxyRegistry::Expire(Instant now) {
  std::vector<ProxyKey> forgotten;
  for (auto& [key, proxy] : proxies_) {
    if (proxy.link != 0) continue;
    if (!proxy.is_given_up && now >= proxy.lost_at + lost_proxy_hold_) {
      proxy.is_given_up = true;
      for (auto& [session, usage] : proxy.usage) {
        usage.open = usage.held = 0;
        changes_.sessions.push_back(session.first);
      }
      NoteAccounted(proxy, now);
    }
    if (proxy.is_given_up && now >= proxy.lost_at + lost_proxy_hold_ + kGivenUpMemory) {
      forgotten.push_back(key);
    }
  }
  for (const ProxyKey& key : forgotten) Remove(key, now);
}

Instant ProxyRegistry::NextExpiry() const {
  Instant next = Instant::Infinite();
  for (const auto& [key, proxy] : proxies_) {
    if (proxy.link != 0) continue;
    const Instant hold = proxy.lost_at + lost_proxy_hold_;
    next = std::min(next, proxy.is_given_up ? hold + kGivenUpMemory : hold);
  }
  return next;
}

std::vector<ProxyRegistry::LinkId> ProxyRegistry::SilentLinks(Instant now) const {
  std::vector<LinkId> silent;
  for (const auto& [key, proxy] : proxies_) {
    if (proxy.link != 0 && now >= proxy.heard_at + kSilenceMax) silent.push_back(proxy.link);
  }
  return silent;
}

bool ProxyRegistry::IsAcked(uint64_t version) const {
  return std::all_of(proxies_.begin(), proxies_.end(), [version](const auto& item) {
    // One without routes yet serves nobody.
    const Proxy& proxy = item.second;
    return proxy.link == 0 || proxy.sent == 0 || proxy.acked >= version;
  });
}

ProxyRegistry::GateSum ProxyRegistry::SumGate(const SessionId& session, Epoch epoch,
                                              uint64_t version) const {
  GateSum sum;
  sum.is_counted = true;
  for (const auto& [key, proxy] : proxies_) {
    if (proxy.link == 0) continue;
    const auto gate = proxy.gates.find(session);
    if (proxy.acked < version || gate == proxy.gates.end() || gate->second.epoch != epoch ||
        gate->second.gate_version < version) {
      sum.is_counted = false;
      continue;
    }
    sum.open += gate->second.open;
    sum.waiting += gate->second.waiting;
  }
  return sum;
}

ProxyRegistry::UsageSum ProxyRegistry::SumUsage(const SessionId& session, Epoch epoch,
                                                uint64_t first_version) const {
  UsageSum sum;
  for (const auto& [key, proxy] : proxies_) {
    const bool may_have_served = proxy.sent >= first_version;
    if (proxy.link == 0 && may_have_served) {
      if (proxy.is_given_up) {
        sum.given_up = proxy.entry.id;
      } else {
        const Instant hold = proxy.lost_at + lost_proxy_hold_;
        sum.known_at = sum.is_known ? hold : std::max(sum.known_at, hold);
        sum.is_known = false;
      }
    }
    for (auto it = proxy.usage.lower_bound({session, Epoch{0}});
         it != proxy.usage.end() && it->first.first == session; ++it) {
      sum.open += it->second.open;
      sum.held += it->second.held;
      if (it->first.second == epoch) sum.opened_total += it->second.opened_total;
    }
  }
  return sum;
}

std::vector<ProxyUsage> ProxyRegistry::UsageOf(const SessionId& session, Epoch epoch,
                                               uint64_t first_version, Instant now) const {
  std::vector<ProxyUsage> all;
  for (const auto& [key, proxy] : proxies_) {
    ProxyUsage of;
    of.proxy = proxy.entry.id;
    of.generation = proxy.entry.generation;
    of.link = proxy.link;
    if (proxy.link == 0) of.lost_for = now - proxy.lost_at;
    of.is_given_up = proxy.link == 0 && proxy.is_given_up;
    if (proxy.link == 0 && !proxy.is_given_up && proxy.sent >= first_version) {
      of.unknown_until = proxy.lost_at + lost_proxy_hold_;
    }
    bool has_any = of.unknown_until.has_value();
    for (auto it = proxy.usage.lower_bound({session, Epoch{0}});
         it != proxy.usage.end() && it->first.first == session; ++it) {
      has_any = has_any || it->second.open > 0 || it->second.opened_total > 0;
      const int64_t open = of.usage.open + it->second.open;
      const int64_t held = of.usage.held + it->second.held;
      // A later epoch's totals are those that are asked for, or of no interest.
      if (it->first.second == epoch || it->second.open > 0) of.usage = it->second;
      of.usage.open = open;
      of.usage.held = held;
    }
    of.usage.idle_for += now - of.usage.heard_at;
    if (const auto gate = proxy.gates.find(session);
        gate != proxy.gates.end() && gate->second.epoch == epoch) {
      has_any = true;
      of.gate = gate->second;
    }
    if (has_any) all.push_back(std::move(of));
  }
  return all;
}

void ProxyRegistry::ForgetSession(const SessionId& session) {
  for (auto& [key, proxy] : proxies_) {
    proxy.gates.erase(session);
    auto it = proxy.usage.lower_bound({session, Epoch{0}});
    while (it != proxy.usage.end() && it->first.first == session) {
      // What is still open comes again in no further report.
      it = it->second.open == 0 ? proxy.usage.erase(it) : std::next(it);
    }
  }
}

std::vector<ProxyRegistry::Listed> ProxyRegistry::List(Instant now) const {
  std::vector<Listed> list;
  for (const auto& [key, proxy] : proxies_) {
    Listed& item = list.emplace_back();
    item.entry = proxy.entry;
    item.version = proxy.version;
    item.link = proxy.link;
    item.is_connected = proxy.link != 0;
    if (proxy.link == 0) item.lost_for = now - proxy.lost_at;
    item.acked = proxy.acked;
    for (const auto& [session, usage] : proxy.usage) item.connections += usage.open;
  }
  return list;
}

ProxyRegistry::Proxy* ProxyRegistry::FindByLink(LinkId link) {
  const auto found = links_.find(link);
  return found == links_.end() ? nullptr : &proxies_.at(found->second);
}

void ProxyRegistry::Remove(const ProxyKey& key, Instant now) {
  const auto found = proxies_.find(key);
  Proxy& proxy = found->second;
  for (const auto& [session, usage] : proxy.usage) changes_.sessions.push_back(session.first);
  if (!proxy.is_given_up) NoteAccounted(proxy, now);
  changes_.is_roster_changed = true;
  ++roster_serial_;
  proxies_.erase(found);
}

void ProxyRegistry::NoteAccounted(const Proxy& proxy, Instant used_until) {
  changes_.accounted.push_back({proxy.sent, used_until});
}

}  // namespace spawner::route
