#include "controller/core/claims.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "base/log.h"
#include "base/status.h"
#include "controller/core/limits.h"
#include "controller/kube/api_path.h"
#include "controller/kube/kube_client.h"
#include "controller/session/pod_template.h"
#include "controller/session/volume_claim.h"

namespace spawner::core {
namespace {

std::string ClaimsPath(const std::string& ns) {
  return ns.empty() ? "/api/v1/persistentvolumeclaims"
                    : absl::StrCat("/api/v1/namespaces/", ns, "/persistentvolumeclaims");
}

std::string ClaimPath(const std::string& ns, const std::string& name) {
  return absl::StrCat(ClaimsPath(ns), "/", name);
}

// What we read of a claim.
struct Claim {
  std::string name;
  std::string ns;
  std::string uid;
  std::string resource_version;
  SessionId session;
  uint64_t epoch = 0;
  absl::Duration retention;
  bool is_going = false;
};

Claim ReadClaim(const Json& object) {
  absl::Status ignored;  // of another shape: nobody's
  const JsonReader metadata = JsonReader(object, "", ignored).Object("metadata");
  auto labels = metadata.StringMap("labels");
  auto annotations = metadata.StringMap("annotations");
  Claim claim;
  claim.name = metadata.String("name");
  claim.ns = metadata.String("namespace");
  claim.uid = metadata.String("uid");
  claim.resource_version = metadata.String("resourceVersion");
  claim.session.value = labels[kSessionLabel];
  claim.is_going = metadata.Has("deletionTimestamp");
  if (!absl::SimpleAtoi(annotations[kClaimEpoch], &claim.epoch)) claim.epoch = 0;
  if (!absl::ParseDuration(annotations[kClaimRetention], &claim.retention)) {
    claim.retention = absl::ZeroDuration();
  }
  return claim;
}

std::vector<Claim> ReadList(const Json& list) {
  std::vector<Claim> claims;
  if (!list.is_object() || !list.contains("items") || !list["items"].is_array()) return claims;
  for (const Json& item : list["items"]) claims.push_back(ReadClaim(item));
  return claims;
}

absl::Status TryAgain(absl::string_view claim, absl::string_view why) {
  return absl::UnavailableError(absl::StrCat("volume claim ", claim, ": ", why));
}

}  // namespace

struct Claims::Ensuring {
  std::string ns;
  SessionId id;
  Epoch epoch;
  absl::Duration retention;
  std::vector<VolumeClaim> claims;
  size_t next = 0;
  std::function<void(absl::Status)> done;

  std::string Json() const { return BuildClaim(ns, id, epoch, retention, claims[next]); }
  std::string Name() const { return ClaimName(id, claims[next]); }
};

std::function<void(absl::StatusOr<std::string>)> Claims::IfAlive(
    std::function<void(const absl::StatusOr<std::string>&)> work) const {
  const std::weak_ptr<char> alive = table_.alive;
  return [alive, work = std::move(work)](const absl::StatusOr<std::string>& answer) {
    if (!alive.expired()) work(answer);
  };
}

// --- before the pod ------------------------------------------------------------------------------

void Claims::Ensure(const Incarnation& incarnation, std::function<void(absl::Status)> done) {
  const SessionSpec& spec = *incarnation.session.spec;
  if (spec.volume_claims.empty()) return done(absl::OkStatus());
  const SessionId& id = incarnation.identity.id;
  if (const auto doomed = doomed_.find(id); doomed != doomed_.end()) {
    if (doomed->second.is_in_flight) {
      // Not now: who asks is in the middle of a look at its incarnation, which this may end.
      return table_.Answer(
          [done = std::move(done),
           status = TryAgain(id.value, "those of the session before are being deleted")] {
            done(status);
          });
    }
    doomed_.erase(doomed);
  }
  sessions_.insert(id);
  auto ensuring = std::make_shared<Ensuring>();
  ensuring->ns = incarnation.identity.ns;
  ensuring->id = id;
  ensuring->epoch = incarnation.identity.epoch;
  ensuring->retention = spec.lifetime.retention;
  ensuring->claims = spec.volume_claims;
  ensuring->done = std::move(done);
  CreateNext(ensuring);
}

void Claims::CreateNext(const EnsuringPtr& ensuring) {
  if (ensuring->next == ensuring->claims.size()) return ensuring->done(absl::OkStatus());
  table_.client.CreateObject(
      ClaimsPath(ensuring->ns), ensuring->Json(),
      IfAlive([this, ensuring](const absl::StatusOr<std::string>& answer) {
        if (absl::IsAlreadyExists(answer.status())) return TakeOverClaim(ensuring);
        if (!answer.ok()) {
          return ensuring->done(Annotate(answer.status(), "spec.volume_claims"));
        }
        ++ensuring->next;
        CreateNext(ensuring);
      }));
}

// Of an earlier incarnation, or ours by an answer that was lost.
void Claims::TakeOverClaim(const EnsuringPtr& ensuring) {
  const std::string path = ClaimPath(ensuring->ns, ensuring->Name());
  table_.client.GetObject(
      path, IfAlive([this, ensuring, path](const absl::StatusOr<std::string>& answer) {
        const std::string name = ensuring->Name();
        if (absl::IsNotFound(answer.status())) {
          return ensuring->done(TryAgain(name, "it has just been deleted"));
        }
        if (!answer.ok()) return ensuring->done(answer.status());
        Json object = ParseJson(*answer).value_or(Json());
        const Claim claim = ReadClaim(object);
        if (claim.session != ensuring->id) {
          return ensuring->done(InvalidField(
              "spec.volume_claims", absl::StrCat("the claim ", name,
                                                 " is there and not this session's; "
                                                 "delete it, or give yours another name")));
        }
        if (claim.is_going) return ensuring->done(TryAgain(name, "it is being deleted"));
        if (claim.epoch > ensuring->epoch.value) {
          return ensuring->done(WithReason(TryAgain(name, "a later leader has it"), "NO_LEADER"));
        }
        const auto go_on = [this, ensuring](const absl::StatusOr<std::string>& written) {
          if (absl::IsAborted(written.status()) || absl::IsNotFound(written.status())) {
            return ensuring->done(TryAgain(ensuring->Name(), "it has changed meanwhile"));
          }
          if (!written.ok()) return ensuring->done(written.status());
          ++ensuring->next;
          CreateNext(ensuring);
        };
        if (claim.epoch == ensuring->epoch.value) return go_on(answer);
        const Json wanted = ParseJson(ensuring->Json()).value_or(Json());
        for (const char* field : {"labels", "annotations"}) {
          object["metadata"][field].update(wanted["metadata"][field]);
        }
        table_.client.ReplaceObject(path, JsonText(object), IfAlive(go_on));
      }));
}

// --- after the last of it ------------------------------------------------------------------------

void Claims::OnPod(Incarnation& incarnation) {
  if (!incarnation.session.spec->volume_claims.empty()) sessions_.insert(incarnation.identity.id);
}

void Claims::OnUnborn(Incarnation& incarnation, const absl::Status&) { DoomIfLast(incarnation); }

void Claims::OnForgotten(Incarnation& incarnation) { DoomIfLast(incarnation); }

void Claims::DoomIfLast(const Incarnation& incarnation) {
  const SessionId& id = incarnation.identity.id;
  if (sessions_.count(id) == 0) return;
  if (const auto slot = table_.slots.find(id); slot != table_.slots.end()) {
    for (const auto& [epoch, other] : slot->second.incarnations) {
      if (other.get() != &incarnation) return;
    }
    if (!slot->second.waiting_for_end.empty()) return;
  }
  sessions_.erase(id);
  if (!table_.leadership.is_leader) return;
  doomed_[id] = {.ns = incarnation.identity.ns, .at = table_.clock.Now()};
}

bool Claims::IsOver(const SessionId& id) const {
  const auto slot = table_.slots.find(id);
  return slot == table_.slots.end() ||
         (slot->second.incarnations.empty() && slot->second.waiting_for_end.empty());
}

void Claims::OnStandDown(const absl::Status&) {
  ++term_;
  doomed_.clear();
  lists_due_.clear();
}

void Claims::OnTakeOver(Instant now) {
  ++term_;
  for (const auto& [ns, view] : table_.pod_views) lists_due_[ns] = now;
}

Instant Claims::NextWake() const {
  Instant wake = Instant::Infinite();
  for (const auto& [ns, at] : lists_due_) wake = std::min(wake, at);
  for (const auto& [id, doomed] : doomed_) {
    if (!doomed.is_in_flight) wake = std::min(wake, doomed.at);
  }
  return wake;
}

void Claims::Step(Instant now) {
  for (auto due = lists_due_.begin(); due != lists_due_.end();) {
    if (due->second > now) {
      ++due;
      continue;
    }
    List(due->first, "", term_);
    due = lists_due_.erase(due);
  }
  for (auto at = doomed_.begin(); at != doomed_.end();) {
    const auto next = std::next(at);
    if (!at->second.is_in_flight && at->second.at <= now) {
      if (IsOver(at->first)) {
        Sweep(at->first, at->second);
      } else {
        sessions_.insert(at->first);
        doomed_.erase(at);
      }
    }
    at = next;
  }
}

void Claims::List(const std::string& ns, const std::string& page_token, uint64_t term) {
  std::string path = absl::StrCat(ClaimsPath(ns), "?limit=", kClaimsPageSize, "&labelSelector=",
                                  kube::QueryEscape(absl::StrCat(kClaimPolicyLabel, "=delete")));
  if (!page_token.empty()) absl::StrAppend(&path, "&continue=", kube::QueryEscape(page_token));
  table_.client.GetObject(
      path, IfAlive([this, ns, term](const absl::StatusOr<std::string>& answer) {
        if (term != term_) return;
        if (answer.ok()) return TakeList(ns, *answer, term);
        if (absl::IsPermissionDenied(answer.status()) || absl::IsNotFound(answer.status())) {
          // No rights on claims, or none to be had (local mode): then no session has any.
          return Log(LogLevel::kInfo, "volume_claims_not_listed",
                     {{"error", answer.status().ToString()}});
        }
        lists_due_[ns] = table_.clock.Now() + kClaimsRetry;
      }));
}

void Claims::TakeList(const std::string& ns, const std::string& text, uint64_t term) {
  const Json list = ParseJson(text).value_or(Json());
  const Instant now = table_.clock.Now();
  for (const Claim& claim : ReadList(list)) {
    if (claim.session.value.empty()) continue;
    if (!IsOver(claim.session)) {
      sessions_.insert(claim.session);
    } else if (doomed_.size() < kSessionsMax) {
      doomed_.emplace(claim.session, Doomed{.ns = claim.ns, .at = now + claim.retention});
    }
  }
  absl::Status ignored;
  const std::string next = JsonReader(list, "", ignored).Object("metadata").String("continue");
  if (!next.empty()) List(ns, next, term);
}

void Claims::Sweep(const SessionId& id, Doomed& doomed) {
  doomed.is_in_flight = true;
  const std::string selector =
      absl::StrCat(kSessionLabel, "=", id.value, ",", kClaimPolicyLabel, "=delete");
  table_.client.GetObject(
      absl::StrCat(ClaimsPath(doomed.ns), "?labelSelector=", kube::QueryEscape(selector)),
      IfAlive([this, id, term = term_](const absl::StatusOr<std::string>& list) {
        if (term == term_) DeleteListed(id, list);
      }));
}

void Claims::DeleteListed(const SessionId& id, const absl::StatusOr<std::string>& list) {
  if (!list.ok()) return OnSwept(id, list.status());
  if (!IsOver(id)) return OnSwept(id, absl::OkStatus());
  std::vector<Claim> claims = ReadList(ParseJson(*list).value_or(Json()));
  claims.erase(std::remove_if(claims.begin(), claims.end(),
                              [&id](const Claim& c) { return c.session != id || c.is_going; }),
               claims.end());
  if (claims.empty()) return OnSwept(id, absl::OkStatus());
  struct Count {
    size_t left;
    absl::Status status;
  };
  auto count = std::make_shared<Count>(Count{claims.size(), absl::OkStatus()});
  const std::weak_ptr<char> alive = table_.alive;
  for (const Claim& claim : claims) {
    kube::DeleteOptions options;
    options.uid = claim.uid;
    options.resource_version = claim.resource_version;
    table_.client.DeleteObject(ClaimPath(claim.ns, claim.name), std::move(options),
                               [this, alive, id, count, term = term_](const absl::Status& status) {
                                 if (alive.expired() || term != term_) return;
                                 if (!status.ok() && !absl::IsNotFound(status)) {
                                   count->status = status;
                                 }
                                 if (--count->left == 0) OnSwept(id, count->status);
                               });
  }
}

void Claims::OnSwept(const SessionId& id, const absl::Status& status) {
  const auto found = doomed_.find(id);
  if (found == doomed_.end()) return;
  if (status.ok()) {
    doomed_.erase(found);
    return;
  }
  Doomed& doomed = found->second;
  doomed.is_in_flight = false;
  doomed.at =
      table_.clock.Now() +
      std::min(kClaimsRetry * (int64_t{1} << std::min(doomed.failures++, 10)), kClaimsRetryMax);
  if (!absl::IsAborted(status)) {
    Log(LogLevel::kWarning, "volume_claims_not_deleted",
        {{"session", id.value}, {"error", status.ToString()}});
  }
}

}  // namespace spawner::core
