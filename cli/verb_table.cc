#include "cli/verb_list.h"

namespace spawner::cli {

const char* Title(Group group) {
  switch (group) {
    case Group::kSessions:
      return "Sessions";
    case Group::kAccess:
      return "Who may use them";
    case Group::kTemplates:
      return "Templates and warm pools";
    case Group::kOperations:
      return "The installation";
    case Group::kItself:
      return "spawnctl itself";
  }
  return "";
}

const std::vector<Verb>& Verbs() {
  static const std::vector<Verb> kVerbs = {
      ConnectVerb(),       RunVerb(),         GetVerb(),        DescribeVerb(),
      WatchVerb(),         WaitVerb(),        WhyVerb(),        LogsVerb(),
      HoldVerb(),          ReleaseVerb(),     TerminateVerb(),  GrantCreateVerb(),
      GrantRevokeVerb(),   KeysRotateVerb(),  ApplyVerb(),      DeleteTemplateVerb(),
      PoolsVerb(),         StatusVerb(),      TopVerb(),        DoctorVerb(),
      ProxiesVerb(),       DrainProxyVerb(),  DrainNodeVerb(),  BenchVerb(),
      UninstallVerb(),     ContextListVerb(), ContextUseVerb(), ContextSetVerb(),
      ContextDeleteVerb(), ContextShowVerb(), CompletionVerb(), VersionVerb(),
  };
  return kVerbs;
}

}  // namespace spawner::cli
