// Goal: whatever stands in a session's pod and its annotations - another version's, or a hand's -
// is read or refused, and what is read writes to the same again. Method: the first byte picks what
// the rest is: a pod, or the text of one annotation.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/json.h"
#include "controller/kube/pod.h"
#include "controller/session/history.h"
#include "controller/session/hold.h"
#include "controller/session/pod_facts.h"
#include "controller/session/pod_template.h"
#include "controller/session/revocations.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

void ReadPod(absl::string_view text) {
  absl::StatusOr<spawner::kube::Pod> pod = spawner::kube::DecodePod(text);
  if (!pod.ok()) return;
  spawner::FindBackendEnd(*pod);
  spawner::FindImageError(*pod);
  spawner::FindWaitingMessage(*pod);
  Require(spawner::ParseJson(
              spawner::NotesPatch(*pod, {pod->annotations.begin(), pod->annotations.end()}))
              .ok());
  const absl::StatusOr<spawner::IdentifiedPod> session = spawner::ParseSessionPod(*std::move(pod));
  if (!session.ok()) return;
  Require(!session->identity.id.value.empty());
  spawner::EndRecord end;
  end.message = session->identity.key.name;
  end.end_time = absl::UnixEpoch();
  Require(spawner::ParseJson(spawner::EndPatch(session->pod, end, true)).ok());
  // The next incarnation is made of it; its pod may be refused, and then says why.
  const absl::StatusOr<std::string> next = spawner::BuildPod(
      session->identity, *session->spec, nullptr, session->revocations.value_or_empty());
  Require(next.ok() ? spawner::ParseJson(*next).ok() : !next.status().message().empty());
}

void ReadRevocations(absl::string_view text) {
  const absl::StatusOr<spawner::Revocations> read = spawner::DecodeRevocations(text);
  if (!read.ok()) return;
  // A text that is not UTF-8 or names something twice is no fixed point; what it is read as, is.
  const absl::StatusOr<spawner::Revocations> again =
      spawner::DecodeRevocations(spawner::EncodeRevocations(*read));
  Require(again.ok() && *again == *read);
  spawner::Revocations merged;
  spawner::Merge(*read, merged);
  Require(spawner::Covers(merged, *read));
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  spawner::RevokeUser("ada", now, merged);
  Require(spawner::Covers(merged, *read));
  Require(spawner::IssueSecond(merged, "ada", now) >= now);
}

void ReadHolds(absl::string_view text) {
  const absl::StatusOr<std::vector<spawner::Hold>> read = spawner::DecodeHolds(text);
  if (!read.ok()) return;
  const auto again = spawner::DecodeHolds(spawner::EncodeHolds(*read));
  Require(again.ok() && *again == *read);
}

void ReadHistory(absl::string_view text) {
  spawner::History history;
  if (!history.Load(text).ok()) return Require(history.empty());
  spawner::History again;
  Require(again.Load(history.Encode()).ok());
  Require(again.Steps() == history.Steps());
  history.Add({absl::FromUnixSeconds(1), spawner::SessionState::kReady,
               spawner::SessionState::kTerminating, std::string(text)});
  Require(again.Load(history.Encode()).ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const absl::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'r':
      ReadRevocations(text);
      break;
    case 'h':
      ReadHolds(text);
      break;
    case 't':
      ReadHistory(text);
      break;
    default:
      ReadPod(text);
  }
  return 0;
}
