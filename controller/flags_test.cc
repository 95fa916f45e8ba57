#include "controller/flags.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"

namespace spawner {
namespace {

ControllerFlags Parse(const std::vector<std::string>& arguments) {
  const absl::StatusOr<ControllerFlags> flags = ParseControllerFlags(arguments);
  EXPECT_TRUE(flags.ok()) << flags.status();
  return flags.ok() ? *flags : ControllerFlags();
}

std::string ErrorOf(const std::vector<std::string>& arguments) {
  const absl::Status status = ParseControllerFlags(arguments).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(absl::StrContains(status.message(), "\n"));
  return std::string(status.message());
}

TEST(ControllerFlags, HaveDefaults) {
  const ControllerFlags flags = Parse({"--local"});
  EXPECT_TRUE(flags.local);
  EXPECT_EQ(flags.listen, (Address{"127.0.0.1", 9090}));
  EXPECT_EQ(flags.public_url, "http://127.0.0.1:8080");
  EXPECT_EQ(flags.lost_proxy_hold, absl::Minutes(10));
  EXPECT_TRUE(flags.namespaces.empty());
}

TEST(ControllerFlags, TakeBothFormsAndForgetEarlierCommandLines) {
  ControllerFlags flags =
      Parse({"--listen", ":7000", "--insecure-allow-anonymous", "--http-listen=[::1]:0",
             "--base-domain", "apps.test", "--lost-proxy-hold=never", "--log-level=debug"});
  EXPECT_EQ(flags.listen.port, 7000);
  EXPECT_EQ(flags.http_listen, (Address{"::1", 0}));
  EXPECT_EQ(flags.base_domain, "apps.test");
  EXPECT_EQ(flags.lost_proxy_hold, absl::InfiniteDuration());
  EXPECT_EQ(flags.log_level, LogLevel::kDebug);
  flags = Parse({"--local=true"});
  EXPECT_EQ(flags.listen.port, 9090);
  EXPECT_EQ(flags.base_domain, "");
}

TEST(ControllerFlags, NamespacesAddUp) {
  EXPECT_EQ(Parse({"--local", "--namespace=b,a", "--namespace", "c", "--namespace=a"}).namespaces,
            (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(Parse({"--local", "--namespace=a", "--namespace=*"}).namespaces,
            (std::vector<std::string>{"*"}));
}

TEST(ControllerFlags, QuotasOfNamespacesAddUp) {
  const core::FairnessLimits limits =
      Parse({"--local", "--quota-sessions-per-namespace=50,team-a=200",
             "--quota-sessions-per-namespace=team-b=0", "--quota-sessions-per-user=team-a=3",
             "--rate-connects-per-namespace=2.5"})
          .fairness;
  EXPECT_EQ(limits.sessions_per_namespace.Of("any"), 50);
  EXPECT_EQ(limits.sessions_per_namespace.Of("team-a"), 200);
  EXPECT_EQ(limits.sessions_per_namespace.Of("team-b"), 0);
  EXPECT_EQ(limits.sessions_per_user.Of("any"), 0);
  EXPECT_EQ(limits.sessions_per_user.Of("team-a"), 3);
  EXPECT_EQ(limits.connects_per_namespace.Of("team-a"), 2.5);
  EXPECT_FALSE(Parse({"--local"}).fairness.HasAny());
}

TEST(ControllerFlags, EveryBadOneSaysWhatIsAllowed) {
  const std::pair<std::vector<std::string>, std::string> cases[] = {
      {{"--lisen=:1"},
       "--lisen: no such flag; there are --advertise-address, --auth-audience, "
       "--auth-kubernetes, --base-domain, --client-ca, --http-listen, --http-public-url, "
       "--insecure-allow-anonymous, --kubeconfig, --listen, --local, --log-level, "
       "--lost-proxy-hold, --namespace, --node-lost-after, --oidc-audience, --oidc-ca, "
       "--oidc-groups-claim, --oidc-issuer, --oidc-jwks-file, --oidc-jwks-url, "
       "--oidc-prefix, --oidc-user-claim, --peer-ca, --proxy-name, --public-url, "
       "--quota-connections-per-namespace, --quota-connections-per-user, "
       "--quota-sessions-per-namespace, --quota-sessions-per-user, --quota-starts, "
       "--quota-starts-per-namespace, --quota-starts-per-user, --rate-connects-per-caller, "
       "--rate-connects-per-namespace, --tls-cert, --tls-key, --token-file, --token-secret, "
       "--help and --version"},
      {{"--local", "--quota-sessions-per-user=A=3"},
       "--quota-sessions-per-user=A=3: allowed is N or NAMESPACE=N, N 0 to 1000000000"},
      {{"--local", "--quota-starts-per-namespace=3", "--quota-starts-per-namespace=a=-1"},
       "--quota-starts-per-namespace=a=-1: allowed is N or NAMESPACE=N, N 0 to 1000000000"},
      {{"--local", "--rate-connects-per-namespace=1e9"},
       "--rate-connects-per-namespace=1e9: allowed is N or NAMESPACE=N, N 0, or 0.001 to 1000000"},
      {{"--listen=1.2.3.4:70000"},
       "--listen=1.2.3.4:70000: allowed is ADDR:PORT such as 127.0.0.1:9090 or :9090, PORT 0 to "
       "65535 (0: any free one)"},
      {{"--listen"}, "--listen: needs a value"},
      {{"extra"}, "\"extra\": only flags are allowed, see --help"},
      {{"--local", "--kubeconfig=x"}, "--local with --kubeconfig: allowed is one of the two"},
      {{"--local", "--namespace=A"},
       "--namespace=A: allowed is *, or a name of 1 to 63 characters of a-z, 0-9 and '-'"},
      {{"--local", "--node-lost-after=-5s"},
       "--node-lost-after=-5s: allowed is a duration such as 90s or 5m, or never"},
      {{"--local", "--lost-proxy-hold=5"},
       "--lost-proxy-hold=5: allowed is a duration such as 90s or 5m, or never"},
      {{"--local", "--log-level=loud"},
       "--log-level=loud: allowed is debug, info, warning or error"},
      {{"--local", "--advertise-address=here"},
       "--advertise-address=here: allowed is ADDR:PORT such as 10.0.0.7:9090, PORT 1 to 65535"},
      {{"--local", "--public-url=x"},
       "--public-url: allowed is http://HOST[:PORT] or https://HOST[:PORT], without a path"},
      {{"--local", "--http-public-url=http://c/x"},
       "--http-public-url=http://c/x: allowed is http://HOST[:PORT] or https://HOST[:PORT], "
       "without "
       "a path"},
      {{}, "one of --public-url and --base-domain is needed"},
      {{"--local", "--token-secret=tokens"},
       "--local with --token-secret: allowed is --token-file=FILE: there is no cluster to ask"},
      {{"--base-domain=a.test", "--token-secret=a/b"},
       "--token-secret=a/b: allowed is a name of 1 to 63 characters of a-z, 0-9 and '-'"},
      {{"--local", "--oidc-issuer=issuer.test", "--oidc-audience=a"},
       "--oidc-issuer: \"issuer.test\" must begin with https://, or with http://127.0.0.1: on "
       "this machine"},
      {{"--local", "--oidc-issuer=https://i.test", "--oidc-audience=a", "--oidc-jwks-file=f",
        "--oidc-jwks-url=https://i.test/k"},
       "--oidc-jwks-url: give one of --oidc-jwks-url=URL and --oidc-jwks-file=FILE, or neither: "
       "then the issuer's discovery document says where its keys are"},
      {{"--local", "--http-listen=0.0.0.0:9091"},
       "--http-listen=0.0.0.0:9091: whoever reaches it could do everything. Say who may call by "
       "--auth-kubernetes, --token-file=FILE, --token-secret=NAME, --client-ca=FILE or "
       "--oidc-issuer=URL "
       "(docs/security.md), listen on 127.0.0.1, or give --insecure-allow-anonymous for "
       "development"},
  };
  for (const auto& [arguments, message] : cases) EXPECT_EQ(ErrorOf(arguments), message);
  EXPECT_TRUE(absl::StartsWith(ErrorOf({"--flagfile=x"}), "--flagfile: no such flag; "));
  EXPECT_TRUE(absl::StartsWith(ErrorOf({"--local=maybe"}), "--local: \"maybe\" is no valid value"));
}

TEST(ControllerFlags, HelpNamesEachWithItsDefault) {
  const std::string help = HelpText(ControllerProgram());
  EXPECT_TRUE(absl::StrContains(help, "  --lost-proxy-hold\n      DURATION ")) << help;
  EXPECT_TRUE(absl::StrContains(help, "Default: 127.0.0.1:9090.")) << help;
}

}  // namespace
}  // namespace spawner
