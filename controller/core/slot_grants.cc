#include "controller/core/slot_grants.h"

#include <utility>

#include "absl/time/time.h"

namespace spawner::core {

Revocations RevocationsOf(const Slot& slot) {
  Revocations all;
  for (const auto& [epoch, incarnation] : slot.incarnations) {
    // What a pod that is not there yet will have, the pods of former ones have, or had.
    if (incarnation->birth.has_value()) Merge(incarnation->birth->carried, all);
    if (incarnation->pod.has_value() && incarnation->pod->revocations.has_value()) {
      Merge(*incarnation->pod->revocations, all);
    }
  }
  return all;
}

Revocations RevocationsToCarry(const Slot& slot) {
  Revocations all = RevocationsOf(slot);
  for (const auto& [epoch, incarnation] : slot.incarnations) {
    const std::string* wanted = WantedNote(*incarnation, kRevocationsNote);
    if (wanted == nullptr) continue;
    if (const auto read = DecodeRevocations(*wanted); read.ok()) Merge(*read, all);
  }
  return all;
}

void FillRevocations(const Slot& slot, route::Route& route) {
  const Revocations all = RevocationsOf(slot);
  if (all.empty()) return;
  route::RouteRevocations revoked;
  for (const auto& [id, second] : all.grants) revoked.grants.push_back(id);
  for (const auto& [user, second] : all.users) {
    revoked.users.emplace_back(user, absl::FromUnixSeconds(second));
  }
  if (all.not_issued_before != 0) {
    revoked.not_issued_before = absl::FromUnixSeconds(all.not_issued_before);
  }
  route.revoked = std::move(revoked);
}

Revocations RevocationsOf(const route::Route& route) {
  Revocations revocations;
  if (!route.revoked.has_value()) return revocations;
  for (const std::string& id : route.revoked->grants) revocations.grants[id] = INT64_MAX;
  for (const auto& [user, second] : route.revoked->users) {
    revocations.users[user] = absl::ToUnixSeconds(second);
  }
  if (route.revoked->not_issued_before.has_value()) {
    revocations.not_issued_before = absl::ToUnixSeconds(*route.revoked->not_issued_before);
  }
  return revocations;
}

void SetGrantTerms(const Table& table, absl::string_view user, ConnectResult& result) {
  result.leadership = table.leadership.number;
  const auto slot = table.slots.find(result.session.id);
  if (slot == table.slots.end()) return;  // its retention is over: nothing is let in
  result.issue_not_before = IssueSecond(RevocationsOf(slot->second), user, absl::UnixEpoch());
}

Service::ConnectDone OnTodaysTerms(const Table& table, std::string user,
                                   Service::ConnectDone done) {
  return [&table, user = std::move(user),
          done = std::move(done)](absl::StatusOr<ConnectResult> result) {
    if (result.ok()) SetGrantTerms(table, user, *result);
    done(std::move(result));
  };
}

}  // namespace spawner::core
