#include "controller/session/strategic_merge.h"

#include <gtest/gtest.h>

#include <string>

#include "base/status.h"

namespace spawner {
namespace {

using nlohmann::json;

json Parse(const std::string& text) { return json::parse(text, nullptr, false); }

std::string Merged(const std::string& target, const std::string& patch) {
  json object = Parse(target);
  const absl::Status status = StrategicMerge("p", Parse(patch), object);
  EXPECT_TRUE(status.ok()) << status;
  return object.dump();
}

std::string Refusal(const std::string& target, const std::string& patch) {
  json object = Parse(target);
  const absl::Status status = StrategicMerge("p", Parse(patch), object);
  EXPECT_EQ(ReasonOf(status), "INVALID_FIELD") << status;
  return std::string(status.message());
}

TEST(StrategicMerge, MergesObjectsAndRemovesNulls) {
  EXPECT_EQ(Merged(R"({"a":{"b":1,"c":2},"d":3})", R"({"a":{"b":null,"e":4},"d":[5]})"),
            R"({"a":{"c":2,"e":4},"d":[5]})");
  EXPECT_EQ(Merged(R"({})", R"({"a":{"b":null,"c":{"d":null}}})"), R"({"a":{"c":{}}})");
}

TEST(StrategicMerge, MergesNamedListsByTheirKeyAndPutsWhatIsNewFirst) {
  EXPECT_EQ(
      Merged(R"({"env":[{"name":"A","value":"1"},{"name":"B","value":"2"}]})",
             R"({"env":[{"name":"C","value":"3"},{"name":"B","value":"4"}]})"),
      R"({"env":[{"name":"C","value":"3"},{"name":"A","value":"1"},{"name":"B","value":"4"}]})");
  EXPECT_EQ(Merged(R"({"volumeMounts":[{"mountPath":"/a","name":"x"}]})",
                   R"({"volumeMounts":[{"mountPath":"/a","readOnly":true}]})"),
            R"({"volumeMounts":[{"mountPath":"/a","name":"x","readOnly":true}]})");
  EXPECT_EQ(Merged(R"({"ports":[{"containerPort":80,"name":"a"}]})",
                   R"({"ports":[{"containerPort":80,"name":"b"}]})"),
            R"({"ports":[{"containerPort":80,"name":"b"}]})");
}

TEST(StrategicMerge, TakesOtherListsAsAWhole) {
  for (const char* list : {"tolerations", "args", "command", "envFrom"}) {
    const std::string name(list);
    EXPECT_EQ(Merged("{\"" + name + "\":[1,2]}", "{\"" + name + "\":[3]}"),
              "{\"" + name + "\":[3]}");
  }
}

TEST(StrategicMerge, ObeysDirectives) {
  EXPECT_EQ(Merged(R"({"a":{"b":1,"c":2}})", R"({"a":{"$patch":"replace","d":3}})"),
            R"({"a":{"d":3}})");
  EXPECT_EQ(Merged(R"({"a":{"b":1}})", R"({"a":{"$patch":"delete"}})"), R"({"a":{}})");
  EXPECT_EQ(Merged(R"({"env":[{"name":"A"},{"name":"B"}]})",
                   R"({"env":[{"name":"A","$patch":"delete"}]})"),
            R"({"env":[{"name":"B"}]})");
  EXPECT_EQ(Merged(R"({"env":[{"name":"A"},{"name":"B"}]})",
                   R"({"env":[{"$patch":"replace"},{"name":"C"}]})"),
            R"({"env":[{"name":"C"}]})");
  EXPECT_EQ(Merged(R"({"finalizers":["a","b"]})",
                   R"({"$deleteFromPrimitiveList/finalizers":["a"],"finalizers":["c"]})"),
            R"({"finalizers":["c","b"]})");
  EXPECT_EQ(Merged(R"({"volumes":[{"name":"v","emptyDir":{}}]})",
                   R"({"volumes":[{"name":"v","$retainKeys":["name","secret"],)"
                   R"("secret":{"secretName":"s"}}]})"),
            R"({"volumes":[{"name":"v","secret":{"secretName":"s"}}]})");
  EXPECT_EQ(Merged(R"({"env":[{"name":"A"},{"name":"B"}]})",
                   R"({"$setElementOrder/env":[{"name":"B"},{"name":"C"},{"name":"A"}],)"
                   R"("env":[{"name":"C"}]})"),
            R"({"env":[{"name":"B"},{"name":"C"},{"name":"A"}]})");
  // As seen on a real API server: what is added takes the place of what is deleted.
  EXPECT_EQ(Merged(R"({"env":[{"name":"A"},{"name":"B"},{"name":"C"}]})",
                   R"({"$setElementOrder/env":[{"name":"B"},{"name":"A"},{"name":"D"}],)"
                   R"("env":[{"name":"B"},{"name":"A","$patch":"delete"},{"name":"D"}]})"),
            R"({"env":[{"name":"B"},{"name":"C"},{"name":"D"}]})");
}

TEST(StrategicMerge, NamesWhatMakesNoSense) {
  EXPECT_EQ(Refusal("{}", "[]"), "p: must be a JSON object");
  EXPECT_EQ(Refusal(R"({"a":{}})", R"({"a":{"$patch":"merge"}})"),
            "p.a.$patch: must be \"replace\" or \"delete\"");
  EXPECT_EQ(Refusal(R"({"env":[{"name":"A"}]})", R"({"env":[{"name":"A","$patch":"merge"}]})"),
            "p.env.$patch: must be \"replace\" or \"delete\" within a list");
  EXPECT_EQ(Refusal(R"({"env":[{"name":"A"}]})", R"({"env":[{"value":"b"}]})"),
            "p.env[0].name: is missing");
  EXPECT_EQ(Refusal("{}", R"({"env":["b"]})"), "p.env[0]: must be an object");
  EXPECT_EQ(
      Refusal(R"({"env":[{"name":"A","x":{}}]})", R"({"env":[{"name":"A","x":{"$colour":1}}]})"),
      "p.env[A].x.$colour: unknown directive");
  EXPECT_EQ(Refusal("{}", R"({"$retainKeys":["a"],"b":1})"),
            "p.$retainKeys: must name b, which the patch sets");
  EXPECT_EQ(Refusal(R"({"env":[{"name":"A"},{"name":"B"}]})",
                    R"({"$setElementOrder/env":[{"name":"A"},{"name":"B"}],)"
                    R"("env":[{"name":"B"},{"name":"A"}]})"),
            "p.env: is in another order than $setElementOrder/env");
}

}  // namespace
}  // namespace spawner
