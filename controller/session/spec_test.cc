#include "controller/session/spec.h"

#include <string>

#include "base/status.h"
#include "controller/session/limits.h"
#include "gtest/gtest.h"

namespace spawner {
namespace {

SessionSpec GoodSpec() {
  SessionSpec spec;
  spec.image =
      "registry.test:5000/team/app:1.2@sha256:"
      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  spec.command = {"/app", "--serve"};
  spec.args = {"a b"};
  spec.env = {{"MODE", "fast"}};
  spec.port = 9000;
  spec.requests = {{"cpu", "500m"}, {"memory", "64Mi"}};
  spec.limits = {{"memory", "1.5Gi"}};
  spec.labels = {{"team", "red"}, {"example.com/part", "x_1"}};
  spec.pod_overrides_json = R"({"spec":{"containers":[{"name":"backend","workingDir":"/tmp"}]}})";
  spec.idle = {absl::Seconds(7), absl::Milliseconds(1500), true};
  spec.lifetime = {absl::Hours(3), absl::Seconds(40), absl::Seconds(2), absl::Seconds(30)};
  spec.access = {false, false, {"https://a.test"}, {"https://*.b.test"}, 7};
  spec.protocol = BackendProtocol::kH2c;
  spec.volume_claims = {{.name = "data", .mount_path = "/data", .size = "10Gi"},
                        {.name = "cache",
                         .mount_path = "/cache",
                         .size = "500M",
                         .storage_class = "fast",
                         .access_modes = {"ReadWriteMany"},
                         .is_kept = true},
                        {.name = "of-template", .spec_json = R"({"volumeMode":"Block"})"}};
  return spec;
}

TEST(Spec, SurvivesEncodingAndDecoding) {
  const auto decoded = DecodeSpec(EncodeSpec(GoodSpec()));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, GoodSpec());
  const auto defaults = DecodeSpec(EncodeSpec(SessionSpec{}));
  ASSERT_TRUE(defaults.ok());
  EXPECT_EQ(*defaults, SessionSpec{});
}

TEST(Spec, OneOfBeforeThereWasAProtocolIsHttp1AndStaysAsItWas) {
  SessionSpec spec = GoodSpec();
  spec.protocol = BackendProtocol::kHttp1;
  const std::string text = EncodeSpec(spec);
  EXPECT_EQ(text.find("protocol"), std::string::npos);
  const auto decoded = DecodeSpec(text);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->protocol, BackendProtocol::kHttp1);
  EXPECT_EQ(EncodeSpec(*decoded), text);
}

TEST(Spec, DecodingRefusesWrongTypesAndNesting) {
  EXPECT_FALSE(DecodeSpec("").ok());
  EXPECT_FALSE(DecodeSpec("[]").ok());
  EXPECT_FALSE(DecodeSpec(R"({"port":70000})").ok());
  EXPECT_FALSE(DecodeSpec(R"({"port":-1})").ok());
  EXPECT_FALSE(DecodeSpec(R"({"command":"x"})").ok());
  EXPECT_FALSE(DecodeSpec(R"({"command":[1]})").ok());
  EXPECT_FALSE(DecodeSpec(R"({"env":{"A":1}})").ok());
  EXPECT_FALSE(DecodeSpec(R"({"grace":"soon"})").ok());
  EXPECT_FALSE(DecodeSpec(R"({"protocol":"h3"})").ok());
  EXPECT_FALSE(DecodeSpec(R"({"protocol":1})").ok());
  EXPECT_FALSE(DecodeSpec(R"({"x":)" + std::string(100000, '[')).ok());
}

TEST(Spec, AcceptsWhatIsWithinItsLimits) {
  EXPECT_EQ(ValidateSpec(GoodSpec()), absl::OkStatus());
  for (const char* image : {"a", "busybox", "docker.io/local/httpd:1", "localhost:5000/x",
                            "ghcr.io/a/b-c_d.e:V1.0", "localhost/echo:dev"}) {
    SessionSpec spec;
    spec.image = image;
    EXPECT_EQ(ValidateSpec(spec), absl::OkStatus()) << image;
  }
}

struct Refusal {
  const char* message;
  void (*spoil)(SessionSpec&);
};

TEST(Spec, NamesTheFieldAndTheReasonOfEachRefusal) {
  const Refusal refusals[] = {
      {"spec.image: is missing; a session needs an image or a template",
       [](SessionSpec& s) { s.image = ""; }},
      {"spec.template: excludes spec.image; set one of them",
       [](SessionSpec& s) { s.template_name = "t"; }},
      {"spec.image: \"Bad Image\" is no image reference; write it as registry/name:tag in lower "
       "case",
       [](SessionSpec& s) { s.image = "Bad Image"; }},
      {"spec.image: \"a:\" is no image reference; write it as registry/name:tag in lower case",
       [](SessionSpec& s) { s.image = "a:"; }},
      {"spec.port: 0 is not within 1 to 65535", [](SessionSpec& s) { s.port = 0; }},
      {"spec.idle.grace: must not be negative",
       [](SessionSpec& s) { s.idle.grace = absl::Seconds(-1); }},
      {"spec.idle.grace: 721h is not within 0 to 720h",
       [](SessionSpec& s) { s.idle.grace = absl::Hours(721); }},
      {"spec.idle.initial_grace: must not be negative",
       [](SessionSpec& s) { s.idle.initial_grace = absl::Nanoseconds(-1); }},
      {"spec.lifetime.max: 0 is not within 1s to 8760h",
       [](SessionSpec& s) { s.lifetime.max = absl::ZeroDuration(); }},
      {"spec.lifetime.start_timeout: must not be negative",
       [](SessionSpec& s) { s.lifetime.start_timeout = absl::Seconds(-3); }},
      {"spec.lifetime.stop_grace: must be whole seconds",
       [](SessionSpec& s) { s.lifetime.stop_grace = absl::Milliseconds(1500); }},
      {"spec.lifetime.stop_grace: 2h is not within 0 to 1h",
       [](SessionSpec& s) { s.lifetime.stop_grace = absl::Hours(2); }},
      {"spec.lifetime.retention: 169h is not within 0 to 168h",
       [](SessionSpec& s) { s.lifetime.retention = absl::Hours(169); }},
      {"spec.env.PORT: is set by Spawner; use another name",
       [](SessionSpec& s) { s.env = {{"PORT", "1"}}; }},
      {"spec.env.SPAWNER_X: is set by Spawner; use another name",
       [](SessionSpec& s) { s.env = {{"SPAWNER_X", "1"}}; }},
      {"spec.env.SESSION_BACKEND_ID: is set by Spawner; use another name",
       [](SessionSpec& s) { s.env = {{"SESSION_BACKEND_ID", "1"}}; }},
      {"spec.env.1A: is no name for a variable: letters, digits, '-', '_', '.'",
       [](SessionSpec& s) { s.env = {{"1A", "1"}}; }},
      {"spec.resources.requests.cpu: \"much\" is no quantity such as 500m or 2Gi",
       [](SessionSpec& s) { s.requests = {{"cpu", "much"}}; }},
      {"spec.resources.limits.memory: \"-1Gi\" is no quantity such as 500m or 2Gi",
       [](SessionSpec& s) { s.limits = {{"memory", "-1Gi"}}; }},
      {"spec.labels.spawner.dev/session: is set by Spawner",
       [](SessionSpec& s) { s.labels = {{"spawner.dev/session", "x"}}; }},
      {"spec.labels.a: \"b c\" is no Kubernetes label value",
       [](SessionSpec& s) { s.labels = {{"a", "b c"}}; }},
      {"spec.access.allowed_origins: \"*\" \"*\" would let every site act as the user; name "
       "origins",
       [](SessionSpec& s) { s.access.allowed_origins = {"*"}; }},
      {"spec.access.embed_origins: \"a.test\" is no origin: \"https://app.example.com\", "
       "\"http://localhost:3000\" or \"https://*.example.com\", without a path",
       [](SessionSpec& s) { s.access.embed_origins = {"https://a.test", "a.test"}; }},
      {"spec.access.allowed_origins: 33 of them, at most 32",
       [](SessionSpec& s) { s.access.allowed_origins.assign(33, "https://a.test"); }},
      {"spec.access.max_connections: is negative; 0 means no limit",
       [](SessionSpec& s) { s.access.max_connections = -1; }},
      {"spec.volume_claims: 9 claims, at most 8",
       [](SessionSpec& s) { s.volume_claims.resize(9); }},
      {"spec.volume_claims[1].name: is another claim's already",
       [](SessionSpec& s) { s.volume_claims[1].name = "data"; }},
      {"spec.volume_claims[0].name: must be 1 to 63 of a-z, 0-9 and '-'",
       [](SessionSpec& s) { s.volume_claims[0].name = "Data"; }},
      {"spec.volume_claims[0].mount_path: must be an absolute path without ':'",
       [](SessionSpec& s) { s.volume_claims[0].mount_path = "data"; }},
      {"spec.volume_claims[0].size: must be a quantity as \"10Gi\"",
       [](SessionSpec& s) { s.volume_claims[0].size = "0"; }},
      {"spec.volume_claims[0].storage_class: is no name of a StorageClass",
       [](SessionSpec& s) { s.volume_claims[0].storage_class = "Fast Disks"; }},
      {"spec.volume_claims[1].access_modes: must be ReadWriteOnce, ReadOnlyMany, ReadWriteMany or "
       "ReadWriteOncePod",
       [](SessionSpec& s) { s.volume_claims[1].access_modes = {"RWO"}; }},
      {"spec.pod_overrides: is not JSON", [](SessionSpec& s) { s.pod_overrides_json = "{"; }},
      {"spec.pod_overrides: must be a JSON object",
       [](SessionSpec& s) { s.pod_overrides_json = "3"; }},
      {"spec.pod_overrides.spec.colour: unknown field",
       [](SessionSpec& s) { s.pod_overrides_json = R"({"spec":{"colour":1}})"; }},
      {"spec.pod_overrides.status: unknown field; metadata and spec can be overridden",
       [](SessionSpec& s) { s.pod_overrides_json = R"({"status":{}})"; }},
      {"spec.pod_overrides.spec.restartPolicy: can't be overridden; Spawner decides it",
       [](SessionSpec& s) { s.pod_overrides_json = R"({"spec":{"restartPolicy":"Always"}})"; }},
      {"spec.pod_overrides.metadata.finalizers: can't be overridden; only labels and annotations "
       "can",
       [](SessionSpec& s) { s.pod_overrides_json = R"({"metadata":{"finalizers":[]}})"; }},
      {"spec.pod_overrides.metadata.labels.spawner.dev/managed: is set by Spawner",
       [](SessionSpec& s) {
         s.pod_overrides_json = R"({"metadata":{"labels":{"spawner.dev/managed":"no"}}})";
       }},
      {"spec.pod_overrides.spec.containers[0].name: is missing",
       [](SessionSpec& s) { s.pod_overrides_json = R"({"spec":{"containers":[{"tty":true}]}})"; }},
      {"spec.pod_overrides.spec.containers[0].colour: unknown field",
       [](SessionSpec& s) {
         s.pod_overrides_json = R"({"spec":{"containers":[{"name":"backend","colour":1}]}})";
       }},
      {"spec.pod_overrides.spec.containers[0].env.PORT: is set by Spawner",
       [](SessionSpec& s) {
         s.pod_overrides_json =
             R"({"spec":{"containers":[{"name":"backend","env":[{"name":"PORT"}]}]}})";
       }},
      {"spec.pod_overrides.spec.volumes: must be a list",
       [](SessionSpec& s) { s.pod_overrides_json = R"({"spec":{"volumes":{}}})"; }},
      {"spec.pod_overrides.spec.containers[0]: must be an object",
       [](SessionSpec& s) { s.pod_overrides_json = R"({"spec":{"containers":[1]}})"; }},
      {"spec.pod_overrides.spec.$patch: would remove what Spawner sets",
       [](SessionSpec& s) { s.pod_overrides_json = R"({"spec":{"$patch":"replace"}})"; }},
      {"spec.pod_overrides.metadata.labels.$patch: would remove what Spawner sets",
       [](SessionSpec& s) {
         s.pod_overrides_json = R"({"metadata":{"labels":{"$patch":"delete"}}})";
       }},
      {"spec.pod_overrides.spec.affinity.$colour: unknown directive",
       [](SessionSpec& s) {
         s.pod_overrides_json = R"({"spec":{"affinity":{"$colour":"replace"}}})";
       }},
      {"spec.pod_overrides.spec.containers[0]: can't replace all containers",
       [](SessionSpec& s) {
         s.pod_overrides_json = R"({"spec":{"containers":[{"$patch":"replace"}]}})";
       }},
      {"spec.pod_overrides.spec.containers[0].env[0].name: must be a string",
       [](SessionSpec& s) {
         s.pod_overrides_json =
             R"({"spec":{"containers":[{"name":"backend","env":[{"name":5}]}]}})";
       }},
  };
  for (const Refusal& refusal : refusals) {
    SessionSpec spec = GoodSpec();
    refusal.spoil(spec);
    const absl::Status status = ValidateSpec(spec);
    EXPECT_EQ(status.message(), refusal.message);
    EXPECT_EQ(ReasonOf(status), "INVALID_FIELD") << refusal.message;
  }
}

TEST(Spec, MayHaveATemplateInPlaceOfAnImage) {
  SessionSpec spec;
  spec.template_name = "editor.v2";
  EXPECT_EQ(ValidateSpec(spec), absl::OkStatus());
  for (const char* name : {"Editor", "-a", "a/b", "a..b", " "}) {
    spec.template_name = name;
    EXPECT_EQ(ReasonOf(ValidateSpec(spec)), "INVALID_FIELD") << name;
  }
}

TEST(Spec, RefusesAMebibyte) {
  SessionSpec spec = GoodSpec();
  spec.args = {std::string(1 << 20, 'x')};
  const absl::Status status = ValidateSpec(spec);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("bytes as JSON, at most 65536"), absl::string_view::npos)
      << status;
}

TEST(Spec, RefusesOverridesThatAreNestedTooDeeply) {
  SessionSpec spec = GoodSpec();
  spec.pod_overrides_json = R"({"spec":{"affinity":)";
  for (size_t i = 0; i < kOverridesDepthMax; ++i) spec.pod_overrides_json += R"({"a":)";
  EXPECT_EQ(ValidateSpec(spec).message(), "spec.pod_overrides: nested deeper than 32");
}

TEST(Key, IsAtMost256BytesWithoutControlCharacters) {
  EXPECT_EQ(ValidateKey("", ""), absl::OkStatus());
  EXPECT_EQ(ValidateKey(std::string(256, 'k'), "v2"), absl::OkStatus());
  EXPECT_EQ(ValidateKey(std::string(257, 'k'), "").message(), "key.name: 257 bytes, at most 256");
  EXPECT_EQ(ValidateKey("a\nb", "").message(), "key.name: has a control character");
  EXPECT_EQ(ValidateKey("a", "\x7f").message(), "key.tag: has a control character");
  EXPECT_EQ(ValidateKey("", "tag").message(), "key.tag: needs a key.name");
}

}  // namespace
}  // namespace spawner
