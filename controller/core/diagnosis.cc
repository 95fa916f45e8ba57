#include "controller/core/diagnosis.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/version.h"
#include "controller/session/pod_template.h"
#include "controller/session/spec.h"

namespace spawner::core {
namespace {

constexpr absl::Duration kSlow = absl::Seconds(1);     // a get takes some ms where all is well
constexpr absl::Duration kSkewMax = absl::Seconds(2);  // stamps have whole seconds
constexpr char kManifests[] = "apply deploy/manifests again, or grant it (docs/install.md)";

Finding Good(std::string check, std::string message) {
  return {.check = std::move(check), .is_ok = true, .message = std::move(message)};
}

// As deploy/manifests/base/rbac.yaml grants them where sessions run.
struct SessionRights {
  const char* resource;
  const char* subresource;
  const char* verbs;
};
constexpr SessionRights kSessionRights[] = {
    {"pods", "", "get list watch create patch delete"},
    {"pods", "log", "get"},
    {"podtemplates", "", "get list create update delete"},
    {"persistentvolumeclaims", "", "get list create update delete"},
    {"events", "", "list"},
};

// A resource of the name of another's: its checks say the group too.
constexpr char kMetricsGroup[] = "metrics.k8s.io";

std::string Milliseconds(absl::Duration duration) {
  return absl::StrCat(absl::ToInt64Milliseconds(duration), " ms");
}

Finding LeaderFinding(const CoreStatus& status) {
  if (!status.leader_id.empty()) {
    return Good("controller.leader",
                absl::StrCat(status.leader_id, " leads, leadership ", status.leadership));
  }
  return {.check = "controller.leader",
          .message = "nobody leads: no session starts or ends",
          .remedy =
              "an election takes some seconds; if it lasts, see whether the Lease can be "
              "written (rbac.leases.*) and the controllers' logs"};
}

Finding ViewFinding(const CoreStatus& status) {
  if (status.kubernetes_status.ok()) {
    return Good("kubernetes.view", absl::StrCat("pods of ", status.kubernetes, " are watched"));
  }
  return {.check = "kubernetes.view",
          .message = std::string(status.kubernetes_status.message()),
          .remedy = "what is shown of sessions is old until this is well: see the API server"};
}

Finding VersionsFinding(const CoreStatus& status) {
  std::set<std::string> others;
  for (const ProxyInfo& proxy : status.proxies) {
    if (proxy.is_connected && proxy.version != kVersion) others.insert(proxy.version);
  }
  if (others.empty()) {
    return Good("proxies.version", absl::StrCat("all connected proxies are ", kVersion));
  }
  return {.check = "proxies.version",
          .message = absl::StrCat("this controller is ", kVersion, ", there are proxies of ",
                                  absl::StrJoin(others, ", ")),
          .remedy = "finish the upgrade: one release apart works, more may not"};
}

Finding LinksFinding(const CoreStatus& status) {
  std::vector<std::string> lost;
  for (const ProxyInfo& proxy : status.proxies) {
    if (!proxy.is_connected) lost.push_back(proxy.id);
  }
  if (status.proxies.empty()) {
    return {.check = "proxies.connected",
            .message = "no proxy has connected: nobody reaches a session",
            .remedy = "start proxies, and see that their --controller leads here"};
  }
  if (lost.empty()) {
    return Good("proxies.connected", absl::StrCat("all ", status.proxies.size(), " are"));
  }
  return {.check = "proxies.connected",
          .message = absl::StrCat("lost: ", absl::StrJoin(lost, ", "),
                                  "; sessions that they may serve do not end as idle"),
          .remedy =
              "see whether these proxies run and reach the controller; one that is gone for "
              "good is forgotten after --lost-proxy-hold"};
}

}  // namespace

std::vector<Finding> FindingsOf(const CoreStatus& status) {
  return {LeaderFinding(status), ViewFinding(status), LinksFinding(status),
          VersionsFinding(status)};
}

Diagnosis::Diagnosis(kube::KubeClient& kube, const Clock& clock, DiagnosisOptions options)
    : kube_(kube), clock_(clock), options_(std::move(options)) {}

void Diagnosis::Start(OnFinding on_finding, std::function<void()> on_end) {
  on_finding_ = std::move(on_finding);
  on_end_ = std::move(on_end);
  if (!options_.is_local) {
    for (const Right& right : Rights()) {
      checks_.push_back([this, right] { CheckRight(right); });
    }
    for (const std::string& ns : options_.namespaces) {
      // Of all namespaces one that every cluster has: the API server's clock is seen by it as well.
      const std::string where = ns == "*" ? "default" : ns;
      checks_.push_back([this, where] { CheckDryRun(where); });
    }
  }
  CheckReachable();
}

void Diagnosis::Tell(const Finding& finding) { on_finding_(finding); }

void Diagnosis::Next() {
  if (checks_.empty()) return on_end_();
  const std::function<void()> check = std::move(checks_.front());
  checks_.pop_front();
  check();
}

// By the one object that every controller has read: the keys.
void Diagnosis::CheckReachable() {
  const Instant begin = clock_.Now();
  kube_.GetObject(
      absl::StrCat("/api/v1/namespaces/", options_.system_namespace, "/secrets/spawner-keys"),
      [weak = weak_from_this(), begin](const absl::StatusOr<std::string>& json) {
        const std::shared_ptr<Diagnosis> self = weak.lock();
        if (self == nullptr) return;
        const absl::Duration took = self->clock_.Now() - begin;
        if (!json.ok()) {
          self->Tell({.check = "kubernetes.reachable",
                      .message = std::string(json.status().message()),
                      .remedy = "see whether the API server runs and this controller's network, "
                                "kubeconfig or ServiceAccount lead to it"});
          // Each further question would fail the same way.
          if (absl::IsUnavailable(json.status())) return self->on_end_();
        } else if (took > kSlow) {
          self->Tell({.check = "kubernetes.reachable",
                      .message = absl::StrCat("a get takes ", Milliseconds(took)),
                      .remedy = "the API server or the way to it is overloaded: starts are slow"});
        } else {
          self->Tell(
              Good("kubernetes.reachable", absl::StrCat("a get takes ", Milliseconds(took))));
        }
        self->Next();
      });
}

std::vector<Diagnosis::Right> Diagnosis::Rights() const {
  std::vector<Right> rights;
  for (const std::string& ns : options_.namespaces) {
    const std::string where = ns == "*" ? "" : ns;
    for (const SessionRights& of : kSessionRights) {
      for (const absl::string_view verb : absl::StrSplit(of.verbs, ' ')) {
        rights.push_back({.verb = std::string(verb),
                          .resource = of.resource,
                          .subresource = of.subresource,
                          .ns = where});
      }
    }
    rights.push_back({.verb = "list",
                      .group = kMetricsGroup,
                      .resource = "pods",
                      .ns = where,
                      .remedy = "without it `spawnctl top` shows neither CPU nor memory; apply "
                                "deploy/manifests again, which grants it"});
  }
  for (const std::string& ns : options_.proxy_namespaces) {
    rights.push_back(
        {.verb = "get",
         .resource = "pods",
         .ns = ns,
         .remedy = absl::StrCat(
             "without it a proxy that is lost counts as one with users until "
             "--lost-proxy-hold is over, though its pod is gone: grant it by a Role in "
             "namespace ",
             ns, ", as deploy/manifests does in spawner-proxy")});
  }
  AddSystemRights(rights);
  return rights;
}

// Beside sessions: the Lease, the keys, and what it takes to know who calls.
void Diagnosis::AddSystemRights(std::vector<Right>& rights) const {
  const std::string& system = options_.system_namespace;
  for (const char* verb : {"get", "update", "delete"}) {
    rights.push_back({.verb = verb,
                      .group = "coordination.k8s.io",
                      .resource = "leases",
                      .name = "spawner-controller",
                      .ns = system});
    rights.push_back({.verb = verb, .resource = "secrets", .name = "spawner-keys", .ns = system});
  }
  rights.push_back(
      {.verb = "create", .group = "coordination.k8s.io", .resource = "leases", .ns = system});
  rights.push_back({.verb = "create", .resource = "secrets", .ns = system});
  const auto review = [&rights, &system](const char* group, const char* resource) {
    rights.push_back({.verb = "create",
                      .group = group,
                      .resource = resource,
                      .remedy = absl::StrCat(
                          "without it callers are turned away: `kubectl create clusterrolebinding "
                          "spawner-controller-auth-delegator --clusterrole=system:auth-delegator "
                          "--serviceaccount=",
                          system, ":spawner-controller` grants it, and so does deploy/manifests")});
  };
  if (options_.reviews_tokens) review("authentication.k8s.io", "tokenreviews");
  if (options_.reviews_access) review("authorization.k8s.io", "subjectaccessreviews");
  if (options_.token_secret.empty()) return;
  rights.push_back({.verb = "get",
                    .resource = "secrets",
                    .name = options_.token_secret,
                    .ns = system,
                    .remedy = absl::StrCat("name the Secret of --token-secret in the Role "
                                           "spawner-controller of namespace ",
                                           system, ", as deploy/manifests has spawner-tokens")});
}

// A SelfSubjectAccessReview: every ServiceAccount may ask it.
void Diagnosis::CheckRight(const Right& right) {
  Json attributes = {{"verb", right.verb}, {"group", right.group}, {"resource", right.resource}};
  if (!right.subresource.empty()) attributes["subresource"] = right.subresource;
  if (!right.name.empty()) attributes["name"] = right.name;
  if (!right.ns.empty()) attributes["namespace"] = right.ns;
  const Json review = {{"apiVersion", "authorization.k8s.io/v1"},
                       {"kind", "SelfSubjectAccessReview"},
                       {"spec", {{"resourceAttributes", attributes}}}};
  kube_.CreateObject(
      "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", JsonText(review),
      [weak = weak_from_this(), right](const absl::StatusOr<std::string>& json) {
        const std::shared_ptr<Diagnosis> self = weak.lock();
        if (self == nullptr) return;
        const std::string what =
            absl::StrCat(right.resource, right.group == kMetricsGroup ? "." : "",
                         right.group == kMetricsGroup ? kMetricsGroup : "",
                         right.subresource.empty() ? "" : "/", right.subresource);
        Finding finding{.check = absl::StrCat("rbac.", what, ".", right.verb)};
        const std::string where =
            absl::StrCat(right.name.empty() ? "" : absl::StrCat("on ", right.name, " "),
                         right.ns.empty() ? "in all namespaces" : "in namespace ", right.ns);
        if (!json.ok()) {
          finding.message = std::string(json.status().message());
          finding.remedy = "it could not be asked: see kubernetes.reachable";
        } else {
          const absl::StatusOr<Json> answer = ParseJson(*json);
          absl::Status error;
          finding.is_ok =
              answer.ok() && JsonReader(*answer, "", error).Object("status").Bool("allowed");
          finding.message = absl::StrCat(finding.is_ok ? "allowed " : "not allowed ", where);
          if (!finding.is_ok) finding.remedy = right.remedy.empty() ? kManifests : right.remedy;
        }
        self->Tell(finding);
        self->Next();
      });
}

// As a Connect would create it, but not stored: admission, PodSecurity and quota have their say.
void Diagnosis::CheckDryRun(const std::string& ns) {
  SessionSpec spec;
  spec.image = "doctor.invalid/never-pulled:1";
  const absl::StatusOr<std::string> pod = BuildPod(
      {.ns = ns, .id = SessionId{std::string(26, 'a')}, .epoch = {1}, .key = {.name = "doctor"}},
      spec);
  if (!pod.ok()) return Next();  // our own fault, and none of the installation's
  const absl::Time begin = clock_.WallNow();
  kube_.CreateObject(absl::StrCat("/api/v1/namespaces/", ns, "/pods?dryRun=All"), *pod,
                     [weak = weak_from_this(), ns, begin](const absl::StatusOr<std::string>& json) {
                       const std::shared_ptr<Diagnosis> self = weak.lock();
                       if (self == nullptr) return;
                       self->OnDryRun(ns, begin, json);
                       self->Next();
                     });
}

void Diagnosis::OnDryRun(const std::string& ns, absl::Time begin,
                         const absl::StatusOr<std::string>& json) {
  const std::string check = absl::StrCat("kubernetes.pods.", ns);
  if (!json.ok()) {
    return Tell({.check = check,
                 .message = std::string(json.status().message()),
                 .remedy = "sessions can't start there: relax the PodSecurity level, quota, limits "
                           "or webhook that refuses, or give specs and templates that it takes"});
  }
  Tell(Good(check, "a session's pod would be admitted (PodSecurity, quota, webhooks: dry run)"));
  const absl::StatusOr<Json> answer = ParseJson(*json);
  absl::Status error;
  const std::optional<absl::Time> stamp =
      answer.ok() ? JsonReader(*answer, "", error).Object("metadata").Time("creationTimestamp")
                  : std::nullopt;
  if (!stamp.has_value() || std::exchange(has_told_clock_, true)) return;
  const absl::Time end = clock_.WallNow();
  // The stamp was rounded down to a second of the time between.
  const absl::Duration skew = *stamp + absl::Seconds(1) < begin ? begin - *stamp
                              : *stamp > end                    ? *stamp - end
                                                                : absl::ZeroDuration();
  if (skew <= kSkewMax) return Tell(Good("clock.kubernetes", "as the API server's, to 2 s"));
  Tell({.check = "clock.kubernetes",
        .message = absl::StrCat("this controller's clock and the API server's differ by ",
                                absl::FormatDuration(absl::Trunc(skew, absl::Seconds(1)))),
        .remedy = "run NTP (chrony, systemd-timesyncd) on the nodes"});
}

}  // namespace spawner::core
