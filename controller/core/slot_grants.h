#ifndef SPAWNER_CONTROLLER_CORE_SLOT_GRANTS_H_
#define SPAWNER_CONTROLLER_CORE_SLOT_GRANTS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "controller/core/incarnation.h"
#include "controller/core/params.h"
#include "controller/core/service.h"
#include "controller/core/table.h"
#include "controller/route/route.h"
#include "controller/session/revocations.h"

// What the incarnations of one session id say together of its grants.
namespace spawner::core {

// What any incarnation's pod takes back: durable.
Revocations RevocationsOf(const Slot& slot);
// With what is being written: for the next incarnation, and for the next write.
Revocations RevocationsToCarry(const Slot& slot);
void FillRevocations(const Slot& slot, route::Route& route);
Revocations RevocationsOf(const route::Route& route);
// The terms on which a grant of this user may be signed now.
void SetGrantTerms(const Table& table, absl::string_view user, ConnectResult& result);
// The same for an answer that may have been remembered, when it is given.
Service::ConnectDone OnTodaysTerms(const Table& table, std::string user, Service::ConnectDone done);

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_SLOT_GRANTS_H_
