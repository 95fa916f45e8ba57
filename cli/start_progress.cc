#include "cli/start_progress.h"

#include "absl/strings/str_cat.h"
#include "spawner/v1/sessions.pb.h"

namespace spawner::cli {
namespace {

constexpr absl::Duration kLookMax = absl::Milliseconds(800);  // within the second of a tick
constexpr int kKeysMax = 50;  // that begin with the key and are longer

std::string StageOf(const v1::Session& session) {
  if (session.state() != v1::STARTING || session.phase() == v1::START_PHASE_UNSPECIFIED) {
    return v1::SessionState_Name(session.state());
  }
  return v1::StartPhase_Name(session.phase());
}

}  // namespace

void StartProgress::See(const v1::Session& session, absl::Time now) {
  state_ = v1::SessionState_Name(session.state());
  message_ = session.message();
  const std::string stage = StageOf(session);
  if (stages_.empty() || stages_.back().name != stage) {
    stages_.push_back({.name = stage, .begin = now});
  }
}

std::string StartProgress::Line(absl::Time now) const {
  if (stages_.empty()) return "";
  const Stage& last = stages_.back();
  std::string line = last.name == state_ ? state_ : absl::StrCat(state_, ", ", last.name);
  if (const absl::Duration age = now - last.begin; age >= absl::Seconds(2)) {
    absl::StrAppend(&line, " for ", Age(age));
  }
  return message_.empty() ? line : absl::StrCat(line, ": ", Printable(message_));
}

std::string StartProgress::Summary(absl::Time now) const {
  std::string text;
  for (size_t s = 0; s < stages_.size(); ++s) {
    if (stages_[s].name == "READY") break;
    const absl::Time end = s + 1 < stages_.size() ? stages_[s + 1].begin : now;
    absl::StrAppend(&text, text.empty() ? "" : ", ", stages_[s].name, " ",
                    Age(end - stages_[s].begin));
  }
  return text;
}

void LookAt(const Invocation& i, const std::string& name, StartProgress* progress) {
  v1::GetSessionRequest request;
  request.set_name(name);
  v1::Session session;
  const absl::Time now = i.surroundings.now();
  const grpc::Status status =
      i.client.Ask("", i.client.sessions(), &v1::Sessions::Stub::AsyncGetSession, request, &session,
                   i.client.CallDeadline(kLookMax));
  if (status.ok()) progress->See(session, now);
}

void LookAtKey(const Invocation& i, const std::string& key, StartProgress* progress) {
  v1::ListSessionsRequest request;
  request.set_parent(absl::StrCat("namespaces/", i.ns));
  request.set_filter(absl::StrCat("key:", key));
  request.set_page_size(kKeysMax);
  v1::ListSessionsResponse response;
  const absl::Time now = i.surroundings.now();
  const grpc::Status status =
      i.client.Ask("", i.client.sessions(), &v1::Sessions::Stub::AsyncListSessions, request,
                   &response, i.client.CallDeadline(kLookMax));
  const v1::Session* newest = nullptr;
  for (const v1::Session& session : response.sessions()) {
    if (session.key().name() != key) continue;
    if (newest == nullptr || newest->epoch() < session.epoch()) newest = &session;
  }
  if (status.ok() && newest != nullptr) progress->See(*newest, now);
}

}  // namespace spawner::cli
