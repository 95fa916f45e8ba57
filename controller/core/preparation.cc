#include "controller/core/preparation.h"

#include <utility>

#include "base/status.h"
#include "controller/session/pod_template.h"
#include "controller/session/session_template.h"

namespace spawner::core {

bool Preparation::IsNeeded(const Incarnation& incarnation) {
  return incarnation.birth.has_value() && !incarnation.birth->is_prepared &&
         (incarnation.birth->create_json.empty() ||
          !incarnation.session.spec->volume_claims.empty());
}

absl::Status Preparation::TakeTemplate(Incarnation& incarnation, const SessionTemplate& from) {
  ASSIGN_OR_RETURN(SessionSpec spec, ResolveSpec(*incarnation.session.spec, from));
  Birth& birth = incarnation.birth.Edit();
  ASSIGN_OR_RETURN(birth.create_json, BuildPod(incarnation.identity, spec, &from, birth.carried));
  incarnation.session.spec = std::move(spec);
  return absl::OkStatus();
}

void Preparation::Prepare(const Incarnation& incarnation, std::function<void(absl::Status)> done) {
  // From a template once: a try whose answer was lost is made again, word by word.
  if (!incarnation.birth->create_json.empty()) return claims_.Ensure(incarnation, std::move(done));
  templates_.Read(incarnation.identity.ns, incarnation.session.spec->template_name,
                  [this, id = incarnation.identity.id, epoch = incarnation.identity.epoch,
                   done = std::move(done)](const absl::StatusOr<SessionTemplate>& from) {
                    Incarnation* unborn = table_.Find(id, epoch);
                    if (unborn == nullptr) return done(absl::CancelledError("given up meanwhile"));
                    if (!from.ok()) return done(from.status());
                    const absl::Status taken = TakeTemplate(*unborn, *from);
                    if (!taken.ok()) return done(taken);
                    claims_.Ensure(*unborn, done);
                  });
}

}  // namespace spawner::core
