#include "cli/session_watch.h"

#include "absl/strings/str_cat.h"

namespace spawner::cli {

SessionWatch::SessionWatch(Client& client, absl::string_view ns, Reader reader)
    : client_(client), reader_(std::move(reader)) {
  request_.set_parent(absl::StrCat("namespaces/", ns));
}

void SessionWatch::Know(const v1::Session& session) {
  known_[KeyOf(session)] = session;
  is_known_there_ = true;
}

grpc::Status SessionWatch::Run() {
  for (;;) {
    const grpc::Status status = ReadOnce();
    if (has_enough_) return grpc::Status::OK;
    if (client_.is_interrupted() || !IsTransient(status)) return status;
    const absl::Duration wait = retry_.Next(status);
    if (wait == absl::ZeroDuration()) return status;
    if (status.error_code() == grpc::StatusCode::OUT_OF_RANGE) {
      request_.clear_resume_version();
      continue;
    }
    if (!std::exchange(is_lost_, true)) {
      reader_.on_notice(LostNotice(status, client_.address()));
    }
    if (!client_.Pause(wait)) return {grpc::StatusCode::CANCELLED, "interrupted"};
  }
}

bool SessionWatch::IsTransient(const grpc::Status& status) const {
  if (!is_known_there_) return false;
  switch (status.error_code()) {
    case grpc::StatusCode::OK:                  // no controller ends a watch like that
    case grpc::StatusCode::CANCELLED:           // by a controller that leaves in a hurry
    case grpc::StatusCode::UNAVAILABLE:         // NO_LEADER, or the connection is lost
    case grpc::StatusCode::RESOURCE_EXHAUSTED:  // we read too slowly
      return true;
    case grpc::StatusCode::OUT_OF_RANGE:
      return ReasonOf(status) == "VERSION_EXPIRED" && !request_.resume_version().empty();
    default:
      return false;
  }
}

grpc::Status SessionWatch::ReadOnce() {
  is_listing_ = request_.resume_version().empty();
  listed_.clear();
  return client_.Read<v1::WatchSessionsResponse>(
      [this](auto* context, auto* queue) {
        return client_.sessions().AsyncWatchSessions(context, request_, queue, nullptr);
      },
      [this](v1::WatchSessionsResponse& event) {
        has_enough_ = !OnMessage(event);
        return !has_enough_;
      });
}

bool SessionWatch::OnMessage(v1::WatchSessionsResponse& event) {
  is_known_there_ = true;
  retry_.Reset();
  if (std::exchange(is_lost_, false)) reader_.on_notice("connected again");
  // What belongs to a list has no version: who breaks off within it starts anew.
  if (!event.version().empty()) request_.set_resume_version(event.version());
  if (event.type() == v1::WatchSessionsResponse::BOOKMARK) {
    return !std::exchange(is_listing_, false) || OnListEnd(event.version());
  }
  if (!reader_.is_wanted(event.session())) return true;
  return is_listing_ ? OnListed(event) : Hand(event);
}

bool SessionWatch::OnListed(v1::WatchSessionsResponse& event) {
  const Key key = KeyOf(event.session());
  listed_[key] = true;
  const auto known = known_.find(key);
  if (known == known_.end()) return Hand(event);
  if (reader_.is_same(known->second, event.session())) return true;
  event.set_type(v1::WatchSessionsResponse::MODIFIED);
  return Hand(event);
}

bool SessionWatch::OnListEnd(const std::string& version) {
  std::map<Key, v1::Session> gone;
  for (const auto& [key, session] : known_) {
    if (listed_.count(key) == 0) gone[key] = session;
  }
  listed_.clear();
  for (const auto& [key, session] : gone) {
    v1::WatchSessionsResponse event;
    event.set_type(v1::WatchSessionsResponse::DELETED);
    *event.mutable_session() = session;
    event.set_version(version);
    if (!Hand(event)) return false;
  }
  return std::exchange(has_listed_, true) || reader_.on_listed();
}

bool SessionWatch::Hand(const v1::WatchSessionsResponse& event) {
  if (event.type() == v1::WatchSessionsResponse::DELETED) {
    known_.erase(KeyOf(event.session()));
  } else {
    known_[KeyOf(event.session())] = event.session();
  }
  return reader_.on_event(event);
}

}  // namespace spawner::cli
