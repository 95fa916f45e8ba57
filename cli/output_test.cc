#include "cli/output.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/time_util.h"

namespace spawner::cli {
namespace {

using google::protobuf::util::TimeUtil;

v1::Session Sample() {
  v1::Session session;
  session.set_name("namespaces/default/sessions/abc");
  session.mutable_key()->set_name("doc 1");
  session.set_state(v1::TERMINATED);
  session.set_reason(v1::CRASHED);
  session.set_exit_code(3);
  session.set_epoch(4294967297);
  session.set_message("the backend left with exit code 3");
  *session.mutable_create_time() = TimeUtil::SecondsToTimestamp(1000);
  *session.mutable_end_time() = TimeUtil::SecondsToTimestamp(1060);
  return session;
}

const absl::Time kNow = absl::FromUnixSeconds(1090);

TEST(Output, TableHasOneLineASessionAndItsHeading) {
  EXPECT_EQ(ToTable(SessionRows({Sample()}, false, kNow), false),
            "ID   KEY    STATE       DETAIL            CONNECTIONS  AGE\n"
            "abc  doc 1  TERMINATED  CRASHED (exit 3)  0            1m30s\n");
  EXPECT_EQ(SessionRows({Sample()}, true, kNow)[0].back(), "URL");
}

TEST(Output, ColourOnlyOnTheState) {
  const std::string table = ToTable(SessionRows({Sample()}, false, kNow), true);
  EXPECT_NE(table.find("\x1b[2mTERMINATED\x1b[0m  CRASHED"), std::string::npos);
  EXPECT_EQ(table.find("\x1b[2mSTATE"), std::string::npos);
}

TEST(Output, JsonIsTheProtoMappingAndYamlSaysTheSame) {
  EXPECT_NE(ToJson(Sample()).find("\"epoch\": \"4294967297\""), std::string::npos);
  const std::string yaml = ToYaml(Sample());
  EXPECT_NE(yaml.find("epoch: \"4294967297\"\n"), std::string::npos) << yaml;
  EXPECT_NE(yaml.find("state: TERMINATED\n"), std::string::npos) << yaml;
  EXPECT_NE(yaml.find("exitCode: 3\n"), std::string::npos) << yaml;
  EXPECT_NE(yaml.find("key:\n  name: doc 1\n"), std::string::npos) << yaml;
}

TEST(Output, KeysOfMapsAreSortedAndFieldsStayInOrder) {
  v1::Session session = Sample();
  for (const char* name : {"k", "b", "z", "a", "m", "c"}) (*session.mutable_labels())[name] = "1";
  const std::string yaml = ToYaml(session);
  EXPECT_NE(yaml.find("labels:\n  a: \"1\"\n  b: \"1\"\n  c: \"1\"\n  k: \"1\"\n  m: \"1\"\n  z:"),
            std::string::npos)
      << yaml;
  EXPECT_LT(yaml.find("name: "), yaml.find("key:")) << yaml;
  v1::Session overridden;
  auto& fields = *overridden.mutable_spec()->mutable_pod_overrides()->mutable_fields();
  for (const char* name : {"c", "b", "x"}) fields[name].set_number_value(1);
  EXPECT_EQ(ToYaml(overridden), "spec:\n  podOverrides:\n    b: 1\n    c: 1\n    x: 1\n");
}

TEST(Output, YamlHasStringsThatNoReaderTakesForAnythingElse) {
  for (const char* text : {"no", "On", "y", "NULL", "0x10", "1_000", "10:30:00", ".inf", "~", "=",
                           "2026-12-01T10:00:00Z", "-1"}) {
    EXPECT_EQ(ToYaml({{"a", text}}), absl::StrCat("a: \"", text, "\"\n"));
    EXPECT_EQ(ToYaml({{text, "a"}}), absl::StrCat("\"", text, "\": a\n"));
  }
  for (const char* text : {"north", "namespaces/a", "/bin/sh"}) {
    EXPECT_EQ(ToYaml({{"a", text}}), absl::StrCat("a: ", text, "\n"));
  }
}

TEST(Output, WhatIsNoTextHarmsNeitherTerminalNorReader) {
  EXPECT_EQ(Printable("a\x1b[2J\xc2\x9b"
                      "2J\xc3\xa9\n"),
            "a\\x1b[2J\\x9b2J\xc3\xa9\\n");
  EXPECT_EQ(ToJson({{"a", "\xff"}}), "{\n  \"a\": \"\xef\xbf\xbd\"\n}\n");
}

TEST(Output, DescribeSaysReasonCodeAndMessage) {
  const std::string text = Describe(Sample(), kNow);
  EXPECT_NE(text.find("Reason:            CRASHED\n"), std::string::npos) << text;
  EXPECT_NE(text.find("Exit code:         3\n"), std::string::npos) << text;
  EXPECT_NE(text.find("Ended:             1970-01-01T00:17:40.000Z (30s ago)\n"), std::string::npos)
      << text;
}

TEST(Output, AgeHasTwoUnits) {
  EXPECT_EQ(Age(absl::Seconds(-5)), "0s");
  EXPECT_EQ(Age(absl::Seconds(59)), "59s");
  EXPECT_EQ(Age(absl::Minutes(5)), "5m");
  EXPECT_EQ(Age(absl::Hours(25)), "1d1h");
  EXPECT_EQ(Age(absl::Minutes(63)), "1h3m");
}

TEST(Output, FormatsAreNamedInTheError) {
  EXPECT_EQ(*ParseFormat("yaml"), Format::kYaml);
  EXPECT_EQ(ParseFormat("xml").status().message(),
            "-o: \"xml\" is not one of table, wide, json, yaml, name");
}

}  // namespace
}  // namespace spawner::cli
