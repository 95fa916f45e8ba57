#ifndef SPAWNER_CLI_FIND_SESSION_H_
#define SPAWNER_CLI_FIND_SESSION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "cli/invocation.h"
#include "spawner/v1/sessions.pb.h"

namespace spawner::cli {

// True for the word before a session's ID: "session" or "sessions".
bool IsSessionWord(const std::string& word);

// All sessions of the namespace that `filter` lets through, page by page.
grpc::Status ListSessions(const Invocation& invocation, const std::string& filter,
                          std::vector<v1::Session>* sessions);
// The same with Session.usage, or why there is none; of a controller that does not know it yet,
// too.
grpc::Status ListSessionsWithUsage(const Invocation& invocation, std::vector<v1::Session>* sessions,
                                   std::string* usage_error);

// The sessions, live and ended, of exactly this key; the newest first. NOT_FOUND: none.
grpc::Status FindByKey(const Invocation& invocation, const std::string& key,
                       std::vector<v1::Session>* found);

// The one session that the line names, by ID or by --key, with --epoch.
grpc::Status FindNamed(const Invocation& invocation, v1::Session* session);

// The same, the newest incarnation whatever --epoch says, and what it says (0: nothing): for orders
// that have the epoch as a precondition, which the controller judges (EPOCH_FENCED).
grpc::Status FindNewestNamed(const Invocation& invocation, v1::Session* session, uint64_t* epoch);

// Its full name and --epoch (0: none), without asking the controller if it is named by ID.
grpc::Status NameNamed(const Invocation& invocation, std::string* name, uint64_t* epoch);

// -k and --epoch, for the verbs that name one session.
Flag KeyFlag();
Flag EpochFlag();

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_FIND_SESSION_H_
