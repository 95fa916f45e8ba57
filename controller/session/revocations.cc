#include "controller/session/revocations.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "base/log.h"
#include "base/status.h"
#include "controller/session/limits.h"

namespace spawner {
namespace {

constexpr char kGrants[] = "grants";
constexpr char kUsers[] = "users";
constexpr char kNotIssuedBefore[] = "not_issued_before";
// The last second that RFC 3339 can write.
constexpr int64_t kSecondsMax = 253'402'300'799;

// The first second in which nothing has been issued yet, if clocks stand still.
int64_t SecondAfter(absl::Time now) { return std::max<int64_t>(0, absl::ToUnixSeconds(now)) + 1; }

int64_t SecondOfUser(const Revocations& revocations, absl::string_view user) {
  const auto found = revocations.users.find(std::string(user));
  return found == revocations.users.end() ? 0 : found->second;
}

int64_t LatestOfUsers(const Revocations& revocations) {
  int64_t latest = 0;
  for (const auto& [user, second] : revocations.users) latest = std::max(latest, second);
  return latest;
}

size_t BytesOf(const Revocations& revocations) {
  constexpr size_t kEachMax = 24;  // quotes, colon, comma, the second
  size_t bytes = 64;
  for (const auto& [id, second] : revocations.grants) bytes += id.size() + kEachMax;
  // A user's every byte may be escaped.
  for (const auto& [user, second] : revocations.users) bytes += 6 * user.size() + kEachMax;
  return bytes;
}

void DropUntil(int64_t second, std::map<std::string, int64_t>& entries) {
  std::erase_if(entries, [second](const auto& entry) { return entry.second <= second; });
}

void SetNotIssuedBefore(int64_t second, Revocations& revocations) {
  revocations.not_issued_before = std::max(revocations.not_issued_before, second);
  DropUntil(revocations.not_issued_before, revocations.grants);
  DropUntil(revocations.not_issued_before, revocations.users);
}

void Bound(Revocations& revocations) {
  while (revocations.size() > kRevocationsMax || BytesOf(revocations) > kRevocationsBytesMax) {
    std::vector<int64_t> seconds;
    for (const auto& [id, second] : revocations.grants) seconds.push_back(second);
    for (const auto& [user, second] : revocations.users) seconds.push_back(second);
    const auto middle = seconds.begin() + static_cast<int64_t>(seconds.size() / 2);
    std::nth_element(seconds.begin(), middle, seconds.end());
    SetNotIssuedBefore(*middle, revocations);
  }
}

void Raise(int64_t second, int64_t& to) { to = std::max(to, second); }

bool CoversAll(const std::map<std::string, int64_t>& a, const std::map<std::string, int64_t>& b,
               int64_t not_issued_before) {
  return std::all_of(b.begin(), b.end(), [&](const auto& entry) {
    if (entry.second <= not_issued_before) return true;
    const auto found = a.find(entry.first);
    return found != a.end() && found->second >= entry.second;
  });
}

absl::Status ReadEntries(const Json& document, const char* field,
                         std::map<std::string, int64_t>& out) {
  const auto found = document.find(field);
  if (found == document.end()) return absl::OkStatus();
  if (!found->is_object()) return InvalidField(field, "is no object");
  for (const auto& [name, second] : found->items()) {
    if (!second.is_number_unsigned() || second.get<uint64_t>() > kSecondsMax) {
      return InvalidField(field, "has a time that is none");
    }
    if (name.empty()) {  // a hand wrote it: it takes nothing back
      Log(LogLevel::kWarning, "revocation_without_a_name", {{"of", field}});
      continue;
    }
    out[name] = second.get<int64_t>();
  }
  return absl::OkStatus();
}

}  // namespace

void RevokeOne(absl::string_view grant_id, absl::Time now, Revocations& revocations) {
  // Whose it is, is not known.
  const int64_t latest = std::max(revocations.not_issued_before, LatestOfUsers(revocations));
  Raise(std::max(SecondAfter(now), latest + 1), revocations.grants[std::string(grant_id)]);
  Bound(revocations);
}

void RevokeUser(absl::string_view user, absl::Time now, Revocations& revocations) {
  const int64_t latest = std::max(revocations.not_issued_before, SecondOfUser(revocations, user));
  Raise(std::max(SecondAfter(now), latest + 1), revocations.users[std::string(user)]);
  Bound(revocations);
}

void RevokeAll(absl::Time now, Revocations& revocations) {
  const int64_t latest = std::max(revocations.not_issued_before, LatestOfUsers(revocations));
  SetNotIssuedBefore(std::max(SecondAfter(now), latest + 1), revocations);
  revocations.grants.clear();
}

void Merge(const Revocations& more, Revocations& into) {
  for (const auto& [id, second] : more.grants) Raise(second, into.grants[id]);
  for (const auto& [user, second] : more.users) Raise(second, into.users[user]);
  SetNotIssuedBefore(std::max(more.not_issued_before, into.not_issued_before), into);
  Bound(into);
}

bool Covers(const Revocations& a, const Revocations& b) {
  return a.not_issued_before >= b.not_issued_before &&
         CoversAll(a.grants, b.grants, a.not_issued_before) &&
         CoversAll(a.users, b.users, a.not_issued_before);
}

void ForgetOld(absl::Time now, Revocations& revocations) {
  const int64_t oldest = absl::ToUnixSeconds(now - kRevocationLife);
  DropUntil(oldest, revocations.grants);
  DropUntil(oldest, revocations.users);
  if (revocations.not_issued_before <= oldest) revocations.not_issued_before = 0;
}

absl::Time ForgottenAt(const Revocations& revocations) {
  if (revocations.empty()) return absl::InfinitePast();
  int64_t latest = std::max(revocations.not_issued_before, LatestOfUsers(revocations));
  for (const auto& [id, second] : revocations.grants) latest = std::max(latest, second);
  return absl::FromUnixSeconds(latest) + kRevocationLife;
}

absl::Time IssueSecond(const Revocations& revocations, absl::string_view user, absl::Time now) {
  const int64_t second = std::max(revocations.not_issued_before, SecondOfUser(revocations, user));
  return std::max(now, absl::FromUnixSeconds(second));
}

std::string EncodeRevocations(const Revocations& revocations) {
  if (revocations.empty()) return {};
  Json document = Json::object();
  if (!revocations.grants.empty()) document[kGrants] = revocations.grants;
  if (!revocations.users.empty()) document[kUsers] = revocations.users;
  if (revocations.not_issued_before != 0) {
    document[kNotIssuedBefore] = revocations.not_issued_before;
  }
  return JsonText(document);
}

absl::StatusOr<Revocations> DecodeRevocations(absl::string_view text) {
  Revocations revocations;
  if (text.empty()) return revocations;
  ASSIGN_OR_RETURN(const Json document, ParseJson(text));
  if (!document.is_object()) return absl::InvalidArgumentError("is no JSON object");
  RETURN_IF_ERROR(ReadEntries(document, kGrants, revocations.grants));
  RETURN_IF_ERROR(ReadEntries(document, kUsers, revocations.users));
  const auto before = document.find(kNotIssuedBefore);
  if (before != document.end()) {
    if (!before->is_number_unsigned() || before->get<uint64_t>() > kSecondsMax) {
      return InvalidField(kNotIssuedBefore, "is no time");
    }
    revocations.not_issued_before = before->get<int64_t>();
  }
  return revocations;
}

}  // namespace spawner
