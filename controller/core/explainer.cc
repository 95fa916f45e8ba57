#include "controller/core/explainer.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/core/causes.h"
#include "controller/core/limits.h"

namespace spawner::core {

void Explainer::Explain(absl::string_view ns, const SessionId& id, Epoch epoch, ExplainDone done) {
  const absl::StatusOr<Incarnation*> found = table_.FindNamed(ns, id, epoch);
  if (!found.ok()) return done(found.status());
  if (questions_.size() >= kExplainsMax) {
    return done(WithRetryAfter(
        WithReason(absl::ResourceExhaustedError(
                       absl::StrCat("explain session ", id.value, ": ", kExplainsMax,
                                    " are being explained, which asks proxies; try again")),
                   "RATE_LIMITED", {{"quota", "explanations"}, {"limit", kExplainsMax}}),
        absl::Seconds(1)));
  }
  const Instant now = table_.clock.Now();
  const uint64_t sequence = ++last_sequence_;
  Question& question = questions_[sequence];
  question.id = id;
  question.epoch = (*found)->identity.epoch;
  question.done = std::move(done);
  question.proxies_by = now + kInspectWaitMax;
  question.events_by = now + kEventsWaitMax;
  AskProxies(**found, sequence, question);
  AskForEvents(**found, sequence, question);
  if (IsComplete(question, now)) Finish(sequence, now);
}

void Explainer::AskProxies(const Incarnation& incarnation, uint64_t sequence, Question& question) {
  if (IsEnded(incarnation)) return;
  const auto all = table_.proxies.UsageOf(incarnation.identity.id, incarnation.identity.epoch,
                                          incarnation.first_version, table_.clock.Now());
  for (const route::ProxyUsage& proxy : all) {
    if (proxy.link == 0 || proxy.usage.open == 0) continue;
    if (table_.links.Send(proxy.link, route::Inspect{sequence, incarnation.identity.id,
                                                     kInspectedConnectionsMax})) {
      question.asked.insert(proxy.link);
    }
  }
}

void Explainer::AskForEvents(const Incarnation& incarnation, uint64_t sequence,
                             Question& question) {
  if (!incarnation.pod.has_value()) {
    question.events.emplace(std::vector<kube::PodEvent>());
    return;
  }
  const kube::PodState& pod = incarnation.pod->pod;
  const std::weak_ptr<char> alive = table_.alive;
  table_.client.GetObject(kube::PodEventsPath(incarnation.identity.ns, pod.uid),
                          [this, alive, sequence](const absl::StatusOr<std::string>& json) {
                            if (!alive.expired()) OnEvents(sequence, json);
                          });
}

void Explainer::OnEvents(uint64_t sequence, const absl::StatusOr<std::string>& json) {
  const auto found = questions_.find(sequence);
  if (found == questions_.end()) return;
  if (json.ok()) {
    found->second.events.emplace(kube::DecodePodEvents(*json, kPodEventsMax));
  } else {
    found->second.events.emplace(json.status());
  }
  const Instant now = table_.clock.Now();
  if (IsComplete(found->second, now)) Finish(sequence, now);
}

void Explainer::OnProxy(uint64_t link, const route::FromProxy& message, Instant now) {
  const auto* inspected = std::get_if<route::Inspected>(&message);
  if (inspected == nullptr) return;
  const auto found = questions_.find(inspected->sequence);
  // Too late, or nobody asked it.
  if (found == questions_.end() || found->second.asked.erase(link) == 0) return;
  found->second.connections[link] = inspected->connections;
  if (IsComplete(found->second, now)) Finish(inspected->sequence, now);
}

bool Explainer::IsComplete(const Question& question, Instant now) const {
  return (question.asked.empty() || now >= question.proxies_by) &&
         (question.events.has_value() || now >= question.events_by);
}

void Explainer::Step(Instant now) {
  std::vector<uint64_t> complete;
  for (const auto& [sequence, question] : questions_) {
    if (IsComplete(question, now)) complete.push_back(sequence);
  }
  for (const uint64_t sequence : complete) Finish(sequence, now);
}

Instant Explainer::NextWake() const {
  Instant next = Instant::Infinite();
  const Instant now = table_.clock.Now();
  for (const auto& [sequence, question] : questions_) {
    if (!question.asked.empty() && question.proxies_by > now) {
      next = std::min(next, question.proxies_by);
    } else {
      next = std::min(next, question.events_by);
    }
  }
  return next;
}

void Explainer::Finish(uint64_t sequence, Instant now) {
  Question question = std::move(questions_.extract(sequence).mapped());
  const Incarnation* incarnation = table_.Find(question.id, question.epoch);
  absl::StatusOr<Explanation> answer = WithReason(
      absl::NotFoundError(absl::StrCat("session ", question.id.value, ": its retention is over")),
      "SESSION_NOT_FOUND", {{"session", question.id.value}});
  if (incarnation != nullptr) answer = Compose(*incarnation, question, now);
  table_.Answer([done = std::move(question.done), answer = std::move(answer)] { done(answer); });
}

Explanation Explainer::Compose(const Incarnation& incarnation, Question& question,
                               Instant now) const {
  Explanation explanation;
  explanation.session = table_.ViewOf(incarnation);
  explanation.reasons_alive = ReasonsAlive(table_, incarnation, now);
  explanation.verdict = VerdictOf(table_, incarnation, now);
  explanation.transitions = incarnation.history.Steps();
  if (!IsEnded(incarnation)) {
    for (route::ProxyUsage& usage : table_.proxies.UsageOf(
             incarnation.identity.id, incarnation.identity.epoch, incarnation.first_version, now)) {
      const uint64_t link = usage.link;
      explanation.proxies.push_back({std::move(usage), std::move(question.connections[link])});
    }
  }
  if (!question.events.has_value()) {
    explanation.events_status = absl::DeadlineExceededError(absl::StrCat(
        "list events of the pod: no answer within ", absl::FormatDuration(kEventsWaitMax)));
  } else if (question.events->ok()) {
    explanation.events = **question.events;
  } else {
    explanation.events_status = question.events->status();
  }
  return explanation;
}

}  // namespace spawner::core
