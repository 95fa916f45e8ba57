#include "cli/documents.h"

#include <gtest/gtest.h>

namespace spawner::cli {
namespace {

constexpr char kEditor[] =
    "apiVersion: v1\n"
    "kind: PodTemplate\n"
    "metadata: {name: editor, labels: {spawner.dev/template: \"true\"}}\n"
    "template:\n"
    "  spec:\n"
    "    containers:\n"
    "    - name: main\n"
    "      image: registry.example/editor:7\n"
    "      ports: [{containerPort: 8080}]\n"
    "      env: [{name: A, value: \"1\"}, {name: B, value: yes}]\n";

TEST(ReadTemplates, ReadsSeveralDocumentsWithTheNamespaceOfTheLine) {
  const auto read = ReadTemplates(
      std::string(kEditor) + "---\nkind: PodTemplate\nmetadata: {name: b, namespace: own}\n---\n",
      "team");
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ((*read)[0].name(), "namespaces/team/templates/editor");
  EXPECT_EQ((*read)[1].name(), "namespaces/own/templates/b");
}

TEST(ReadTemplates, QuotedScalarsStayStringsAndPlainOnesHaveTypes) {
  const auto read = ReadTemplates(kEditor, "x");
  ASSERT_TRUE(read.ok()) << read.status();
  const auto& object = (*read)[0].pod_template().fields();
  EXPECT_EQ(object.at("metadata")
                .struct_value()
                .fields()
                .at("labels")
                .struct_value()
                .fields()
                .at("spawner.dev/template")
                .string_value(),
            "true");
  const auto& container = object.at("template")
                              .struct_value()
                              .fields()
                              .at("spec")
                              .struct_value()
                              .fields()
                              .at("containers")
                              .list_value()
                              .values(0)
                              .struct_value()
                              .fields();
  EXPECT_EQ(container.at("ports")
                .list_value()
                .values(0)
                .struct_value()
                .fields()
                .at("containerPort")
                .number_value(),
            8080);
  const auto& env = container.at("env").list_value();
  EXPECT_EQ(env.values(0).struct_value().fields().at("value").string_value(), "1");
  EXPECT_EQ(env.values(1).struct_value().fields().at("value").string_value(), "yes");
}

TEST(ReadTemplates, TakesJsonListsAndWhatGetPrints) {
  EXPECT_EQ(ReadTemplates(R"({"kind":"List","items":[{"kind":"PodTemplate",)"
                          R"("metadata":{"name":"a"}},{"kind":"PodTemplate",)"
                          R"("metadata":{"name":"b"}}]})",
                          "x")
                ->size(),
            2u);
  const auto got = ReadTemplates(
      "name: namespaces/x/templates/a\netag: \"7\"\n"
      "podTemplate: {kind: PodTemplate}\npool: {size: 3}\n",
      "y");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ((*got)[0].name(), "namespaces/x/templates/a");
  EXPECT_EQ((*got)[0].etag(), "7");
  EXPECT_FALSE((*got)[0].has_pool());
}

TEST(ReadTemplates, SaysWhichDocumentIsWrong) {
  const std::pair<std::string, std::string> lines[] = {
      {"", "there is no PodTemplate in it"},
      {"{", "not YAML: "},
      {"- a\n", "document 1: is no object"},
      {std::string(kEditor) + "---\nkind: Deployment\n",
       "document 2: kind is \"Deployment\"; it must be PodTemplate"},
      {"kind: PodTemplate\n", "document 1: metadata.name is missing"},
      {"podTemplate: {}\nbogus: 1\n", "document 1: "},
      {"kind: PodTemplate\nmetadata: {name: a, x: \"\xff\"}\n", "document 1: is not UTF-8"},
      {"podTemplate: {kind: \"\xff\"}\n", "document 1: is not UTF-8"},
      {"? [a]\n: b\n", "document 1: a key is no string"},
  };
  for (const auto& [text, message] : lines) {
    const auto read = ReadTemplates(text, "x");
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(std::string(read.status().message()).rfind(message, 0), 0u) << read.status();
  }
}

TEST(ReadTemplates, RefusesWhatMultipliesOrNestsWithoutEnd) {
  std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c < 'j'; ++c) {
    bomb += std::string(1, c) + ": &" + c + " [";
    for (int n = 0; n < 10; ++n) bomb += std::string(n > 0 ? "," : "") + "*" + char(c - 1);
    bomb += "]\n";
  }
  EXPECT_EQ(ReadTemplates(bomb, "x").status().message(), "document 1: too large");
  std::string deep;
  for (int n = 0; n < 500; ++n) deep += "[";
  EXPECT_FALSE(ReadTemplates(deep, "x").ok());
}

}  // namespace
}  // namespace spawner::cli
