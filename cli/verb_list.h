#ifndef SPAWNER_CLI_VERB_LIST_H_
#define SPAWNER_CLI_VERB_LIST_H_

#include "cli/verb.h"

// The rows of verb_table.cc, each beside the code that runs it.
namespace spawner::cli {

Verb ConnectVerb();
Verb RunVerb();
Verb GetVerb();
Verb DescribeVerb();
Verb WatchVerb();
Verb WaitVerb();
Verb WhyVerb();
Verb LogsVerb();
Verb HoldVerb();
Verb ReleaseVerb();
Verb TerminateVerb();

Verb GrantCreateVerb();
Verb GrantRevokeVerb();
Verb KeysRotateVerb();

Verb ApplyVerb();
Verb DeleteTemplateVerb();
Verb PoolsVerb();

Verb StatusVerb();
Verb ProxiesVerb();
Verb DrainProxyVerb();
Verb DrainNodeVerb();
Verb UninstallVerb();

Verb TopVerb();
Verb DoctorVerb();
Verb BenchVerb();

Verb ContextListVerb();
Verb ContextUseVerb();
Verb ContextSetVerb();
Verb ContextDeleteVerb();
Verb ContextShowVerb();
Verb CompletionVerb();
Verb VersionVerb();

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_VERB_LIST_H_
