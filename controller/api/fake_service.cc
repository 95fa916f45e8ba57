#include "controller/api/fake_service.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace spawner::api {

absl::Status FakeService::NotFound(absl::string_view id) {
  return WithReason(absl::NotFoundError(absl::StrCat("get session ", id, ": no such session")),
                    "SESSION_NOT_FOUND");
}

SessionView FakeService::MakeSession(absl::string_view id) {
  SessionView view;
  view.ns = "default";
  view.id = {std::string(id)};
  view.state = SessionState::kReady;
  view.epoch = Epoch::Make(1, 1);
  view.pod = absl::StrCat(id, "-1");
  view.create_time = absl::FromUnixSeconds(1'800'000'000);
  SessionSpec spec = *view.spec;
  spec.image = "demo";
  view.spec = spec;
  return view;
}

void FakeService::Connect(core::ConnectParams params, ConnectDone done) {
  connects.push_back(params);
  if (on_connect != nullptr) return on_connect(params, std::move(done));
  const std::string id = params.key.name.empty() ? "random" : "s-" + params.key.name;
  const bool is_new = sessions.count(id) == 0;
  if (is_new && !params.spec.has_value()) {
    return done(WithReason(absl::NotFoundError(absl::StrCat("connect to key ", params.key.name,
                                                            ": no live session has it")),
                           "KEY_NOT_HELD"));
  }
  SessionView& view = sessions.try_emplace(id, MakeSession(id)).first->second;
  if (is_new) {
    view.ns = params.ns;
    view.key = params.key;
    view.spec = *params.spec;
  }
  done(core::ConnectResult{
      .session = view,
      .created = is_new,
      .started_from = is_new ? core::StartedFrom::kCold : core::StartedFrom::kLive,
      .grant_id = "g-1"});
}

void FakeService::CreateGrant(core::GrantParams params, ConnectDone done) {
  grants.push_back(params);
  const auto found = sessions.find(params.id.value);
  if (found == sessions.end()) return done(NotFound(params.id.value));
  done(core::ConnectResult{.session = found->second, .grant_id = "g2", .leadership = 7});
}

void FakeService::RevokeGrant(core::RevokeParams params, RevokeDone done) {
  revokes.push_back(params);
  if (on_revoke != nullptr) return on_revoke(params, std::move(done));
  done(core::RevokeResult{{"proxy-2"}});
}

absl::StatusOr<SessionView> FakeService::Get(absl::string_view ns, const SessionId& id,
                                             Epoch epoch) {
  const auto found = sessions.find(id.value);
  if (found == sessions.end()) return NotFound(id.value);
  return found->second;
}

absl::StatusOr<core::ListResult> FakeService::List(const core::ListParams& params) {
  last_list = params;
  // Two at a time, as a core that has many of them.
  core::ListResult result;
  for (auto it = sessions.upper_bound(params.page_token); it != sessions.end(); ++it) {
    if (result.sessions.size() == 2 ||
        result.sessions.size() == static_cast<size_t>(params.page_size)) {
      return result;
    }
    result.sessions.push_back(it->second);
    result.next_page_token = it->first;
  }
  result.next_page_token.clear();
  return result;
}

absl::StatusOr<core::Service::WatchId> FakeService::Watch(const core::ListParams& filter,
                                                          absl::string_view resume_version,
                                                          core::Watcher* watcher) {
  last_resume_version = std::string(resume_version);
  if (resume_version == "old") {
    return WithReason(absl::OutOfRangeError("watch sessions: version old is no longer kept"),
                      "VERSION_EXPIRED");
  }
  last_list = filter;
  for (const auto& [id, view] : sessions) {
    watcher->OnWatchEvent(
        {core::WatchEventType::kAdded, std::make_shared<const SessionView>(view), "1"});
  }
  watcher->OnWatchEvent({core::WatchEventType::kBookmark, {}, "1"});
  watches[++last_id_] = watcher;
  return last_id_;
}

void FakeService::Terminate(core::TerminateParams params, ViewDone done) {
  terminates.push_back(params);
  if (on_terminate != nullptr) return on_terminate(params, std::move(done));
  const auto found = sessions.find(params.id.value);
  if (found == sessions.end()) return done(NotFound(params.id.value));
  found->second.state = SessionState::kTerminating;
  found->second.reason = EndReason::kRequested;
  done(found->second);
}

void FakeService::KeepAlive(core::KeepAliveParams params, KeepAliveDone done) {
  keep_alives.push_back(params);
  if (on_keep_alive != nullptr) return on_keep_alive(params, std::move(done));
  if (sessions.count(params.id.value) == 0) return done(NotFound(params.id.value));
  core::KeepAliveResult result;
  if (params.ttl > absl::ZeroDuration()) {
    result.expire_time = absl::FromUnixSeconds(1'800'000'000) + params.ttl;
  }
  done(result);
}

core::Service::WaitId FakeService::Wait(core::WaitParams params, ViewDone done) {
  const auto found = sessions.find(params.id.value);
  if (found == sessions.end()) return done(NotFound(params.id.value)), 0;
  if (on_wait == nullptr) return done(found->second), 0;
  waits[++last_id_] = params;
  on_wait(params, std::move(done));
  return last_id_;
}

core::Service::LinkId FakeService::OpenLink(core::ProxyPeer* peer) {
  links[++last_id_] = peer;
  return last_id_;
}

void FakeService::OnLinkMessage(LinkId link, route::FromProxy message) {
  link_messages.push_back(message);
  if (on_link_message != nullptr) on_link_message(links.at(link), link, message);
}

void FakeService::Explain(absl::string_view ns, const SessionId& id, Epoch epoch,
                          core::ExplainDone done) {
  const absl::StatusOr<SessionView> view = Get(ns, id, epoch);
  if (!view.ok()) return done(view.status());
  core::Explanation answer = explanation;
  answer.session = *view;
  done(std::move(answer));
}

absl::StatusOr<Epoch> FakeService::FindPrevious(absl::string_view ns, const SessionId& id) {
  const absl::StatusOr<SessionView> view = Get(ns, id, Epoch{});
  if (!view.ok()) return view.status();
  if (view->epoch.value <= 1) return NotFound(id.value);
  return Epoch{view->epoch.value - 1};
}

absl::Status FakeService::DrainProxy(absl::string_view proxy,
                                     std::optional<absl::Duration> deadline) {
  drains.emplace_back(std::string(proxy), deadline);
  return drain_status;
}

}  // namespace spawner::api
