#include "controller/api/convert.h"

#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/api/link_convert.h"
#include "controller/session/limits.h"
#include "controller/session/spec.h"

namespace spawner::api {
namespace {

v1::SessionSpec SpecOf(const std::string& text) {
  v1::SessionSpec spec;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
  return spec;
}

TEST(ReadSpec, FillsDefaultsIn) {
  const absl::StatusOr<SessionSpec> spec = ReadSpec(SpecOf("image: 'demo'"));
  ASSERT_TRUE(spec.ok()) << spec.status();
  SessionSpec expected;
  expected.image = "demo";
  EXPECT_EQ(*spec, expected);
}

TEST(ReadSpec, InitialGraceFollowsGrace) {
  const absl::StatusOr<SessionSpec> spec =
      ReadSpec(SpecOf("image: 'demo' idle { grace { seconds: 2 } }"));
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->idle.grace, absl::Seconds(2));
  EXPECT_EQ(spec->idle.initial_grace, absl::Seconds(2));
}

TEST(ReadSpec, CommandAloneIsEnoughWhereCommandsRunWithoutImages) {
  const v1::SessionSpec spec = SpecOf("command: '/bin/true'");
  EXPECT_EQ(ReadSpec(spec).status().message(),
            "spec.image: is missing; a session needs an image or a template");
  EXPECT_EQ(ReadSpec(spec, "local")->image, "local");
  EXPECT_EQ(ReadSpec(SpecOf("image: 'demo' command: 'a'"), "local")->image, "demo");
  EXPECT_FALSE(ReadSpec(SpecOf("args: 'a'"), "local").ok());
}

TEST(ReadSpec, IsTheInverseOfWriteSpec) {
  const absl::StatusOr<SessionSpec> spec = ReadSpec(SpecOf(R"(
    image: 'demo' command: 'a' args: ['b', 'c'] env { key: 'X' value: 'y' } port: 81
    resources { requests { key: 'cpu' value: '500m' } } labels { key: 'team' value: 'blue' }
    pod_overrides { fields { key: 'spec' value { struct_value { fields {
        key: 'hostname' value { string_value: 'h' } } } } } }
    idle { grace { nanos: 500000000 } on_idle: KEEP }
    lifetime { max { seconds: 60 } stop_grace { seconds: 3 } retention { } }
    access { mode: PUBLIC path_prefix: PATH_PREFIX_KEEP allowed_origins: 'https://a.test'
             embed_origins: 'https://b.test' max_connections: 7 }
    volume_claims { name: 'data' mount_path: '/data' size: '10Gi' storage_class: 'fast'
                    access_modes: 'ReadWriteMany' policy: CLAIM_POLICY_KEEP }
    protocol: H2C)"));
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->protocol, BackendProtocol::kH2c);
  EXPECT_EQ(spec->idle.grace, absl::Milliseconds(500));
  EXPECT_EQ(spec->lifetime.retention, absl::ZeroDuration());
  v1::SessionSpec written;
  WriteSpec(*spec, written);
  EXPECT_EQ(*ReadSpec(written), *spec);
}

TEST(ReadSpec, NamesTheFieldThatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"image: 'demo' port: 70000", "spec.port: 70000 is not within 1 to 65535"},
      {"image: 'demo' port: -1", "spec.port: -1 is not within 1 to 65535"},
      {"image: 'demo' idle { grace { seconds: -1 } }", "spec.idle.grace: must not be negative"},
      {"image: 'demo' lifetime { max { nanos: -1 } }", "spec.lifetime.max: must not be negative"},
      {"image: 'demo' lifetime { max { seconds: 999999999999 } }",
       "spec.lifetime.max: is no valid duration"},
      {"", "spec.image: is missing; a session needs an image or a template"},
  };
  for (const auto& [text, message] : cases) {
    const absl::Status status = ReadSpec(SpecOf(text)).status();
    EXPECT_EQ(status.message(), message);
    EXPECT_EQ(ReasonOf(status), "INVALID_FIELD");
  }
}

TEST(ReadSpec, KnowsWhatIsLeftToATemplate) {
  const auto all = ReadSpec(SpecOf("template: 't'"));
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->unset.size(), 17u);
  const auto none = ReadSpec(SpecOf(R"(
    template: 't' port: 81 protocol: HTTP1 idle { grace { } hold_max { } warn_before { }
    ignore_paths: '/healthz' on_idle: STOP }
    lifetime { max { seconds: 60 } start_timeout { seconds: 5 } stop_grace { } retention { } }
    access { mode: TOKEN path_prefix: PATH_PREFIX_STRIP allowed_origins: 'https://a.test'
             embed_origins: 'https://b.test' max_connections: 7 })"));
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_EQ(none->unset, std::set<std::string>{});
  EXPECT_EQ(ReadSpec(SpecOf("image: 'demo'"))->unset, std::set<std::string>{});
}

// A message this small is not encoded to see that it fits: kJsonOfWireMax has to be enough for any.
TEST(ReadSpec, WhatIsSmallOnTheWireFitsIntoItsAnnotation) {
  constexpr size_t kSmall = kSpecBytesMax / kJsonOfWireMax;
  const std::vector<std::function<void(int, v1::SessionSpec&)>> ways = {
      [](int, v1::SessionSpec& spec) { spec.add_args("\x01\x02\x03\x04\x05\x06\x07\x0b"); },
      [](int, v1::SessionSpec& spec) { spec.add_command(""); },
      [](int n, v1::SessionSpec& spec) {
        (*spec.mutable_env())[absl::StrCat("a", n)] = "\x01\x02";
      },
      [](int, v1::SessionSpec& spec) { spec.mutable_idle()->add_ignore_paths("/"); },
      [](int, v1::SessionSpec& spec) {
        (*spec.mutable_pod_overrides()->mutable_fields())["spec"]
            .mutable_list_value()
            ->add_values()
            ->set_string_value("\x01\x02\x03\x04\x05");
      },
      [](int, v1::SessionSpec& spec) {
        (*spec.mutable_pod_overrides()->mutable_fields())["spec"]
            .mutable_list_value()
            ->add_values()
            ->set_number_value(-1.2345678901234567e-300);
      },
      [](int, v1::SessionSpec& spec) {
        (*spec.mutable_pod_overrides()->mutable_fields())["spec"]
            .mutable_list_value()
            ->add_values()
            ->set_null_value(google::protobuf::NULL_VALUE);
      },
      [](int n, v1::SessionSpec& spec) {
        (*spec.mutable_pod_overrides()->mutable_fields())[absl::StrCat(n)].set_bool_value(false);
      },
  };
  for (size_t way = 0; way < ways.size(); ++way) {
    v1::SessionSpec spec;
    spec.set_image("demo");
    for (int n = 0; spec.ByteSizeLong() < kSmall - 20; ++n) ways[way](n, spec);
    SessionSpec out;
    out.image = "demo";
    out.args = {spec.args().begin(), spec.args().end()};
    out.command = {spec.command().begin(), spec.command().end()};
    out.env = {spec.env().begin(), spec.env().end()};
    out.idle.ignore_paths = {spec.idle().ignore_paths().begin(), spec.idle().ignore_paths().end()};
    if (spec.has_pod_overrides()) {
      ASSERT_TRUE(
          google::protobuf::util::MessageToJsonString(spec.pod_overrides(), &out.pod_overrides_json)
              .ok());
    }
    EXPECT_LT(EncodeSpec(out).size(), kSpecBytesMax) << way;
    EXPECT_GT(EncodeSpec(out).size(), kSmall) << way << ": grows";
  }
}

TEST(ReadSpec, LocalModeHasNoVolumes) {
  const v1::SessionSpec spec =
      SpecOf("image: 'demo' volume_claims { name: 'a' mount_path: '/a' size: '1Gi' }");
  EXPECT_TRUE(ReadSpec(spec).ok());
  EXPECT_EQ(ReadSpec(spec, "local").status().code(), absl::StatusCode::kUnimplemented);
}

TEST(ReadSpec, NamesAProtocolThatItDoesNotKnow) {
  v1::SessionSpec spec = SpecOf("image: 'demo'");
  EXPECT_EQ(ReadSpec(spec)->protocol, BackendProtocol::kHttp1);
  spec.set_protocol(v1::HTTP1);
  EXPECT_EQ(ReadSpec(spec)->protocol, BackendProtocol::kHttp1);
  spec.set_protocol(static_cast<v1::BackendProtocol>(3));
  const absl::Status status = ReadSpec(spec).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "spec.protocol: unknown protocol 3");
}

TEST(CheckKnown, FindsWhatThisVersionDoesNotKnowAtAnyDepth) {
  v1::SessionSpec spec = SpecOf("image: 'demo' idle { grace { seconds: 1 } }");
  EXPECT_TRUE(CheckKnown(spec).ok());
  spec.mutable_idle()->GetReflection()->MutableUnknownFields(spec.mutable_idle())->AddVarint(99, 1);
  EXPECT_EQ(CheckKnown(spec).message(),
            "idle.field number 99: not supported by this version; leave it unset");
  spec.mutable_idle()->DiscardUnknownFields();
  spec.mutable_idle()->set_on_idle(static_cast<v1::OnIdle>(7));
  EXPECT_EQ(CheckKnown(spec).message(),
            "idle.on_idle = 7: not supported by this version; leave it unset");
}

TEST(WriteSession, ShowsEverythingThatIsKnown) {
  SessionView view;
  view.ns = "default";
  view.id = {"k7"};
  view.key = {"doc", "v1"};
  view.state = SessionState::kTerminated;
  view.reason = EndReason::kCrashed;
  view.exit_code = 3;
  view.epoch = Epoch::Make(2, 5);
  view.create_time = absl::FromUnixSeconds(1) + absl::Milliseconds(5);
  view.end_time = absl::FromUnixSeconds(9);
  view.conditions = {{"Lost", true, "node n", absl::FromUnixSeconds(3)}};
  SessionSpec spec = *view.spec;
  spec.image = "demo";
  spec.labels = {{"team", "blue"}};
  view.spec = spec;
  v1::Session out;
  WriteSession(view, *SessionUrls::Make("http://h:1", ""), out);
  EXPECT_EQ(out.name(), "namespaces/default/sessions/k7");
  EXPECT_EQ(out.state(), v1::TERMINATED);
  EXPECT_EQ(out.reason(), v1::CRASHED);
  EXPECT_EQ(out.exit_code(), 3);
  EXPECT_EQ(out.epoch(), (uint64_t{2} << 32) + 5);
  EXPECT_EQ(out.url(), "http://h:1/s/k7/");
  EXPECT_EQ(out.create_time().nanos(), 5'000'000);
  EXPECT_FALSE(out.has_ready_time());
  EXPECT_EQ(out.end_time().seconds(), 9);
  EXPECT_EQ(out.labels().at("team"), "blue");
  EXPECT_EQ(out.conditions(0).type(), "Lost");
}

TEST(ReadFromProxy, RefusesWhatBreaksTheProtocol) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "message: is empty, or of a kind that this controller does not know"},
      {"hello {}", "hello.proxy_id: is missing"},
      {"usage { sessions { session_id: 'A' } }", "usage.session_id: is no session id"},
      {"usage { sessions { session_id: 'a' open: -1 } }",
       "usage: impossible counts: open -1, held 0"},
      {"usage { sessions { session_id: 'a' open: 1 held: 2 } }",
       "usage: impossible counts: open 1, held 2"},
      {"ack { gates { session_id: 'a' waiting: -2 } }",
       "ack.gates: impossible counts: open 0, waiting -2"},
  };
  for (const auto& [text, expected] : cases) {
    v1::ProxyMessage message;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message));
    EXPECT_EQ(ReadFromProxy(message).status().message(), expected);
  }
}

TEST(LinkConvert, CarriesEveryField) {
  v1::ProxyMessage message;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
      hello { proxy_id: 'p' generation: 7 pod_uid: 'u' pod_name: 'n' pod_namespace: 'ns'
              version: '1' leadership: 3 route_version: 9
              usage { complete: true sessions { session_id: 'a' epoch: 5 open: 2 held: 1
                      opened_total: 4 bytes_total: 6 idle_for { seconds: 1 } } } })",
                                                            &message));
  const absl::StatusOr<route::FromProxy> read = ReadFromProxy(message);
  ASSERT_TRUE(read.ok()) << read.status();
  const auto& hello = std::get<route::Hello>(*read);
  EXPECT_EQ(hello.proxy_id, "p");
  EXPECT_EQ(hello.generation, 7u);
  EXPECT_EQ(hello.route_version, 9u);
  ASSERT_EQ(hello.usage.sessions.size(), 1u);
  EXPECT_EQ(hello.usage.sessions[0].held, 1);
  EXPECT_EQ(hello.usage.sessions[0].idle_for, absl::Seconds(1));

  const std::vector<VerificationKey> keys = {{"k", "pub"}};
  v1::ControllerMessage out;
  WriteToProxy(route::Welcome{.controller_id = "c", .leadership = 4},
               {.wall_now = absl::FromUnixSeconds(8), .keys = &keys}, out);
  EXPECT_EQ(out.welcome().now().seconds(), 8);
  EXPECT_EQ(out.welcome().keys(0).public_key(), "pub");
  out.Clear();
  route::Route route;
  route.session = {"a"};
  route.state = route::RouteState::kOpen;
  route.ip = "10.0.0.1";
  route.port = 80;
  route.policy = std::make_shared<route::RoutePolicy>(
      route::RoutePolicy{.ns = "n",
                         .protocol = v1::H2C,
                         .token_required = false,
                         .hold_timeout = absl::Seconds(2),
                         .allowed_origins = {"https://a.test"},
                         .max_connections = 7});
  WriteToProxy(route::Routes{.is_snapshot = true,
                             .is_last = false,
                             .version = 3,
                             .routes = {route},
                             .removed = {{"b"}}},
               {}, out);
  EXPECT_EQ(out.ShortDebugString(),
            "routes { snapshot: true version: 3 routes { session_id: \"a\" state: OPEN ip: "
            "\"10.0.0.1\" port: 80 access { mode: PUBLIC allowed_origins: "
            "\"https://a.test\" path_prefix: PATH_PREFIX_STRIP max_connections: 7 } "
            "namespace: \"n\" hold_timeout { seconds: 2 } protocol: H2C } removed: \"b\" }");
}

}  // namespace
}  // namespace spawner::api
