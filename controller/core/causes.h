#ifndef SPAWNER_CONTROLLER_CORE_CAUSES_H_
#define SPAWNER_CONTROLLER_CORE_CAUSES_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/clock.h"
#include "controller/core/incarnation.h"
#include "controller/core/table.h"
#include "controller/session/session.h"

// Facts of a session in sentences, for people who ask why. Each is made of what Reconcile decided
// by, at the moment it did.
namespace spawner::core {

// "12:03:01 UTC".
std::string TimeOfDay(absl::Time time);
// "1 request", "3 requests".
std::string Counted(int64_t count, absl::string_view one);

// Why the incarnation's present plan has state `to` where the one before had `from`.
std::string CauseOf(const Table& table, const Incarnation& incarnation, SessionState from,
                    SessionState to);
// What the phase of its start says.
std::string CauseOfPhase(const Incarnation& incarnation);
// "IDLE: nobody was connected for 30s".
std::string CauseOfEnd(const Table& table, const Incarnation& incarnation);

// Why it is alive; empty for one that has ended.
std::vector<std::string> ReasonsAlive(const Table& table, const Incarnation& incarnation,
                                      Instant now);
// What it does next, and when; or why and when it ended.
std::string VerdictOf(const Table& table, const Incarnation& incarnation, Instant now);

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_CAUSES_H_
