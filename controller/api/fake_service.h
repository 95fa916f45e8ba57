#ifndef SPAWNER_CONTROLLER_API_FAKE_SERVICE_H_
#define SPAWNER_CONTROLLER_API_FAKE_SERVICE_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "controller/core/service.h"

namespace spawner::api {

// A core::Service that a test scripts: sessions in a map, hooks for what a test wants to answer by
// itself. Thread: the loop's; a test looks in by running on it (FakeLoop::Run).
class FakeService final : public core::Service {
 public:
  // --- what the test sets -----------------------------------------------------------------------
  std::map<std::string, SessionView> sessions;  // by id
  core::CoreStatus status;
  std::function<void(const core::ConnectParams&, ConnectDone)> on_connect;
  std::function<void(const core::TerminateParams&, ViewDone)> on_terminate;
  core::Explanation explanation;  // but for its session
  absl::Status drain_status;
  std::function<void(const core::RevokeParams&, RevokeDone)> on_revoke;
  std::function<void(core::ProxyPeer*, LinkId, const route::FromProxy&)> on_link_message;

  std::function<void(const core::KeepAliveParams&, KeepAliveDone)> on_keep_alive;
  std::function<void(const core::WaitParams&, ViewDone)> on_wait;

  // --- what it sees -----------------------------------------------------------------------------
  std::vector<core::ConnectParams> connects;
  std::vector<core::TerminateParams> terminates;
  std::vector<core::KeepAliveParams> keep_alives;
  std::map<WaitId, core::WaitParams> waits;
  std::vector<core::GrantParams> grants;
  std::vector<core::RevokeParams> revokes;
  core::ListParams last_list;
  std::string last_resume_version;
  std::map<WatchId, core::Watcher*> watches;
  std::map<LinkId, core::ProxyPeer*> links;
  std::vector<route::FromProxy> link_messages;
  std::vector<std::pair<std::string, std::optional<absl::Duration>>> drains;

  static absl::Status NotFound(absl::string_view id);
  static SessionView MakeSession(absl::string_view id);
  static std::shared_ptr<const SessionView> Share(SessionView view) {
    return std::make_shared<const SessionView>(std::move(view));
  }

  void Connect(core::ConnectParams params, ConnectDone done) override;
  absl::StatusOr<SessionView> Get(absl::string_view ns, const SessionId& id, Epoch epoch) override;
  absl::StatusOr<core::ListResult> List(const core::ListParams& params) override;
  absl::StatusOr<WatchId> Watch(const core::ListParams& filter, absl::string_view resume_version,
                                core::Watcher* watcher) override;
  void CancelWatch(WatchId id) override { watches.erase(id); }
  void Terminate(core::TerminateParams params, ViewDone done) override;
  void KeepAlive(core::KeepAliveParams params, KeepAliveDone done) override;
  WaitId Wait(core::WaitParams params, ViewDone done) override;
  void CancelWait(WaitId id) override { waits.erase(id); }
  void CreateGrant(core::GrantParams params, ConnectDone done) override;
  void RevokeGrant(core::RevokeParams params, RevokeDone done) override;
  LinkId OpenLink(core::ProxyPeer* peer) override;
  void OnLinkMessage(LinkId link, route::FromProxy message) override;
  void CloseLink(LinkId link) override { links.erase(link); }
  core::CoreStatus GetStatus() override { return status; }
  core::LeaderView GetLeader() const override { return {status.is_leader, status.leader_address}; }
  void Explain(absl::string_view ns, const SessionId& id, Epoch epoch,
               core::ExplainDone done) override;
  absl::StatusOr<Epoch> FindPrevious(absl::string_view ns, const SessionId& id) override;
  absl::Status DrainProxy(absl::string_view proxy, std::optional<absl::Duration> deadline) override;

 private:
  uint64_t last_id_ = 0;
};

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_FAKE_SERVICE_H_
