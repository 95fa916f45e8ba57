#ifndef SPAWNER_CLI_SESSION_WATCH_H_
#define SPAWNER_CLI_SESSION_WATCH_H_

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "cli/client.h"
#include "cli/retry.h"
#include "spawner/v1/sessions.pb.h"

namespace spawner::cli {

// The sessions of a namespace as they change, over leaders that come and go. A stream that the
// controller or the network ends is begun again where it ended; where that is too long ago a new
// list is compared with what was seen: only differences are told, what is missing as DELETED.
//   SessionWatch watch(client, "default", {.is_wanted = ..., .on_event = ..., .on_notice = ...});
//   const grpc::Status status = watch.Run();
// Thread: main's. Owner: a verb.
class SessionWatch {
 public:
  struct Reader {
    std::function<bool(const v1::Session&)> is_wanted;
    // Whether two views of an incarnation look the same to the reader.
    std::function<bool(const v1::Session&, const v1::Session&)> is_same;
    // False: it has seen enough.
    std::function<bool(const v1::WatchSessionsResponse&)> on_event;
    // At the end of the first list; false: it has seen enough.
    std::function<bool()> on_listed;
    // One line without its end: the stream is lost, or back.
    std::function<void(const std::string&)> on_notice;
  };

  SessionWatch(Client& client, absl::string_view ns, Reader reader);

  // As if the session had been seen: the controller is known to be there.
  void Know(const v1::Session& session);

  // OK when the reader has seen enough, CANCELLED when interrupted. Before anything was seen the
  // first failure is the answer, later that of the last of kAttemptsMax in a row.
  grpc::Status Run();

 private:
  using Key = std::pair<std::string, uint64_t>;  // an incarnation

  static Key KeyOf(const v1::Session& session) { return {session.name(), session.epoch()}; }
  grpc::Status ReadOnce();
  // Whether to try again; `status` is not OK.
  bool IsTransient(const grpc::Status& status) const;
  bool OnMessage(v1::WatchSessionsResponse& event);
  // Of a list: false once the reader has seen enough.
  bool OnListed(v1::WatchSessionsResponse& event);
  bool OnListEnd(const std::string& version);
  bool Hand(const v1::WatchSessionsResponse& event);

  Client& client_;
  const Reader reader_;
  v1::WatchSessionsRequest request_;
  // What the reader wants and has seen, as it is now. As many as the controller holds.
  std::map<Key, v1::Session> known_;
  std::map<Key, bool> listed_;  // of the list that is being read
  bool is_known_there_ = false;
  bool is_listing_ = true;  // no bookmark yet, of a stream without a version
  bool has_listed_ = false;
  bool has_enough_ = false;
  bool is_lost_ = false;
  Retry retry_;
};

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_SESSION_WATCH_H_
