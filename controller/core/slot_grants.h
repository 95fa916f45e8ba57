#ifndef SPAWNER_CONTROLLER_CORE_SLOT_GRANTS_H_
#define SPAWNER_CONTROLLER_CORE_SLOT_GRANTS_H_

#include "absl/strings/string_view.h"
#include "controller/core/incarnation.h"
#include "controller/core/leadership.h"
#include "controller/core/params.h"
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
// The terms on which a grant of this user may be signed.
void SetGrantTerms(const Slot& slot, absl::string_view user, const Leadership& leadership,
                   ConnectResult& result);

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_SLOT_GRANTS_H_
