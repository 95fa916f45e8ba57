// Strategic merge, ours beside the API server's: the same patch is sent as a PATCH of a
// PodTemplate, and merged here and created as another. Both must come to the same object, or both
// be refused.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "base/random.h"
#include "controller/kube/http_transport.h"
#include "controller/session/strategic_merge.h"
#include "tests/contract/contract_fixture.h"

namespace spawner::contract {
namespace {

constexpr char kStrategicMergePatch[] = "application/strategic-merge-patch+json";
constexpr int kRandomPatches = 400;

class Answer final : public kube::HttpHandler {
 public:
  void OnHead(int head_code, std::optional<absl::Duration>) override { code = head_code; }
  void OnData(absl::string_view chunk) override { absl::StrAppend(&text, chunk); }
  void OnEnd(const absl::Status&) override { is_ended = true; }
  // What it says the template is; null if it refused.
  Json Template() const {
    const Json object = ParseJson(text).value_or(Json());
    return code / 100 == 2 ? object.value("template", Json()) : Json();
  }
  int code = 0;
  std::string text;
  bool is_ended = false;
};

class StrategicMergeContract : public KubernetesContract {
 protected:
  // What the API server and we make of it agree; says so of the two if not.
  void Compare(const Json& base, const Json& patch) {
    const std::string both = absl::StrCat("base ", base.dump(), "\npatch ", patch.dump());
    const Answer created = Ask("POST", "", Object(base));
    ASSERT_EQ(created.code, 201) << created.text << "\n" << both;
    const std::string name = "/" + NameIn(created);
    const Answer theirs = Ask("PATCH", name, {{"template", patch}});
    Ask("DELETE", name, Json());
    Json merged = created.Template();
    const absl::Status status = StrategicMerge("template", patch, merged);
    if (!status.ok()) {
      ++refused_;
      // With 500, mostly: no fault of the server's.
      EXPECT_NE(theirs.code / 100, 2) << status << "\n" << theirs.text << "\n" << both;
      return;
    }
    const Answer ours = Ask("POST", "", Object(merged));
    if (ours.code == 201) Ask("DELETE", "/" + NameIn(ours), Json());
    if (theirs.code != 200) ++refused_;
    EXPECT_EQ(theirs.code / 100 == 2, ours.code / 100 == 2) << theirs.text << "\n"
                                                            << ours.text << "\n"
                                                            << both;
    EXPECT_EQ(theirs.Template(), ours.Template()) << both;
  }

  int refused_ = 0;

 private:
  Json Object(const Json& pod) {
    return {{"apiVersion", "v1"},
            {"kind", "PodTemplate"},
            {"metadata", {{"name", api_.Name(absl::StrCat(++names_))}}},
            {"template", pod}};
  }
  static std::string NameIn(const Answer& answer) {
    return ParseJson(answer.text).value_or(Json())["metadata"]["name"].get<std::string>();
  }
  Answer Ask(const std::string& method, const std::string& name, const Json& body) {
    Answer answer;
    api_.world().transport().Start(
        {.method = method,
         .path = absl::StrCat("/api/v1/namespaces/", api_.world().ns(), "/podtemplates", name),
         .content_type = method == "PATCH" ? kStrategicMergePatch : "application/json",
         .body = body.is_null() ? "" : body.dump()},
        &answer);
    EXPECT_TRUE(api_.Until([&answer] { return answer.is_ended; }));
    return answer;
  }

  int names_ = 0;
};

Json Base() {
  return ParseJson(R"({
    "metadata": {"labels": {"a": "1", "b": "2"}, "finalizers": ["x.dev/a", "x.dev/b"]},
    "spec": {
      "containers": [
        {"name": "a", "image": "i:1", "args": ["x"], "env": [{"name": "A", "value": "1"},
          {"name": "B", "value": "2"}, {"name": "C", "value": "3"}],
         "ports": [{"containerPort": 80, "name": "http"}, {"containerPort": 81}],
         "volumeMounts": [{"name": "v", "mountPath": "/v"}, {"name": "w", "mountPath": "/w"}],
         "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}},
        {"name": "b", "image": "i:2"}],
      "initContainers": [{"name": "i", "image": "i:3"}],
      "volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "emptyDir": {"medium": "Memory"}}],
      "imagePullSecrets": [{"name": "p"}, {"name": "q"}],
      "tolerations": [{"key": "k", "operator": "Exists"}],
      "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["a"]}],
      "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone",
        "whenUnsatisfiable": "DoNotSchedule"}],
      "nodeSelector": {"disk": "ssd"}, "securityContext": {"runAsUser": 5, "runAsGroup": 6}}})")
      .value_or(Json());
}

TEST_F(StrategicMergeContract, ByHand) {
  const char* patches[] = {
      R"({"spec":{"containers":[{"name":"a","image":"j:1"}]}})",
      R"({"spec":{"containers":[{"name":"c","image":"j:1"}]}})",
      R"({"spec":{"containers":[{"name":"c","image":"j:1"},{"name":"b","image":"j:2"}]}})",
      R"({"spec":{"containers":[{"name":"a","$patch":"delete"}]}})",
      R"({"spec":{"containers":[{"$patch":"replace"},{"name":"z","image":"z"}]}})",
      R"({"spec":{"containers":[{"name":"a","$patch":"merge"}]}})",
      R"({"spec":{"containers":[{"name":"a","env":[{"name":"B","$patch":"delete"},
          {"name":"D","value":"4"}]}]}})",
      R"({"spec":{"containers":[{"name":"a","env":[{"name":"B","value":null,
          "valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}}]}]}})",
      R"({"spec":{"containers":[{"name":"a","env":null,"args":["y","z"],"command":["c"]}]}})",
      R"({"spec":{"containers":[{"name":"a","resources":{"limits":{"cpu":null,"example.com/gpu":"1"},
          "requests":{"cpu":"1"}}}]}})",
      R"({"spec":{"containers":[{"name":"a","resources":{"$patch":"replace","limits":{"cpu":"2"}}}]}})",
      R"({"spec":{"containers":[{"name":"a","resources":{"$patch":"delete"}}]}})",
      R"({"spec":{"containers":[{"name":"a","ports":[{"containerPort":80,"name":"web"},
          {"containerPort":82}]}]}})",
      R"({"spec":{"containers":[{"name":"a","ports":[{"containerPort":80,"protocol":"UDP"}]}]}})",
      R"({"spec":{"containers":[{"name":"a","ports":[{"name":"no-port"}]}]}})",
      R"({"spec":{"containers":[{"name":"a","volumeMounts":[{"mountPath":"/v","name":"w"},
          {"mountPath":"/x","name":"v"}]}]}})",
      R"({"spec":{"$setElementOrder/containers":[{"name":"b"},{"name":"a"}]}})",
      R"({"spec":{"$setElementOrder/containers":[{"name":"b"},{"name":"n"},{"name":"a"}],
          "containers":[{"name":"n","image":"n"}]}})",
      R"({"spec":{"$setElementOrder/containers":[{"name":"b"},{"name":"a"}],
          "containers":[{"name":"a","image":"n"},{"name":"b","image":"m"}]}})",
      R"({"spec":{"volumes":[{"name":"v","emptyDir":null,"secret":{"secretName":"s"}}]}})",
      R"({"spec":{"volumes":[{"name":"v","$retainKeys":["name","secret"],
          "secret":{"secretName":"s"}}]}})",
      R"({"spec":{"volumes":[{"name":"v","$retainKeys":["name"],"secret":{"secretName":"s"}}]}})",
      R"({"spec":{"volumes":[{"name":"n","persistentVolumeClaim":{"claimName":"c"}}]}})",
      R"({"spec":{"imagePullSecrets":[{"name":"r"},{"name":"p","$patch":"delete"}]}})",
      R"({"spec":{"tolerations":[{"key":"gpu","operator":"Exists"}]}})",
      R"({"spec":{"tolerations":null,"nodeSelector":{"disk":null,"gpu":"a100"}}})",
      R"({"spec":{"nodeSelector":{"$patch":"replace","x":"y"}}})",
      R"({"spec":{"hostAliases":[{"ip":"10.0.0.1","hostnames":["b"]},{"ip":"10.0.0.2"}]}})",
      R"({"spec":{"topologySpreadConstraints":[{"topologyKey":"zone","maxSkew":3},
          {"topologyKey":"host","maxSkew":1,"whenUnsatisfiable":"ScheduleAnyway"}]}})",
      R"({"spec":{"securityContext":{"runAsUser":null,"fsGroup":9}}})",
      R"({"spec":{"runtimeClassName":"gvisor","affinity":{"nodeAffinity":{"$patch":"delete"}}}})",
      R"({"spec":{"initContainers":[{"name":"i","command":["x"]},{"name":"j","image":"j"}]}})",
      R"({"metadata":{"labels":{"a":null,"c":"3"},"annotations":{"x":"y"}}})",
      R"({"metadata":{"finalizers":["x.dev/c"],
          "$deleteFromPrimitiveList/finalizers":["x.dev/a"]}})",
      R"({"metadata":{"$setElementOrder/finalizers":["x.dev/c","x.dev/b"],
          "finalizers":["x.dev/c"]}})",
      R"({"spec":{"containers":[{"image":"no-name"}]}})",
      R"({"spec":{"containers":["text"]}})",
      R"({"spec":{"containers":null}})",
  };
  for (const char* text : patches) {
    const absl::StatusOr<Json> patch = ParseJson(text);
    ASSERT_TRUE(patch.ok()) << text;
    Compare(Base(), *patch);
    if (HasFatalFailure()) return;
  }
}

// Patches of lists with members that are there, are not, go, or come, in any order.
class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  Json Patch() {
    Json spec = Json::object();
    if (Once(3)) spec["containers"] = Containers();
    if (Once(3)) Order(spec, "containers", "name", {"a", "b", "c", "d"});
    if (Once(2)) spec["imagePullSecrets"] = Members("name", {"p", "q", "r"}, nullptr);
    if (Once(4)) Order(spec, "imagePullSecrets", "name", {"p", "q", "r"});
    if (Once(3)) spec["tolerations"] = Json::array({{{"key", Pick({"x", "y"})}}});
    if (Once(4)) spec["nodeSelector"] = {{Pick({"disk", "x"}), Once(2) ? Json() : Json("v")}};
    if (Once(4)) spec["securityContext"] = Object("runAsUser", 7);
    if (Once(4)) spec["hostAliases"] = Members("ip", {"10.0.0.1", "10.0.0.2"}, nullptr);
    return {{"spec", spec}};
  }

 private:
  bool Once(uint64_t in) { return random_.Next() % in == 0; }
  std::string Pick(const std::vector<std::string>& from) {
    return from[random_.Next() % from.size()];
  }
  Json Object(const char* field, int value) {
    Json object = {{field, Once(3) ? Json() : Json(value)}};
    if (Once(3)) object["$patch"] = Pick({"replace", "delete"});
    return object;
  }
  std::vector<std::string> Shuffled(std::vector<std::string> names) {
    for (size_t i = names.size(); i > 1; --i) std::swap(names[i - 1], names[random_.Next() % i]);
    names.resize(1 + random_.Next() % names.size());
    return names;
  }
  Json Members(const char* key, const std::vector<std::string>& names, const char* value) {
    Json list = Json::array();
    for (const std::string& name : Shuffled(names)) {
      Json member = {{key, name}};
      if (Once(3)) {
        member["$patch"] = "delete";
      } else if (value != nullptr) {
        member[value] = Pick({"1", "2"});
      }
      list.push_back(member);
    }
    if (Once(8)) list.push_back({{"$patch", "replace"}});
    return list;
  }
  void Order(Json& object, const std::string& list, const char* key,
             const std::vector<std::string>& names) {
    Json order = Json::array();
    if (object.contains(list) && !Once(6)) {  // as the API server wants it: in the patch's order
      for (const Json& member : object[list]) {
        if (!member.contains("$patch")) order.push_back({{key, member[key]}});
      }
    }
    for (const std::string& name : Shuffled(names)) {
      const Json member = {{key, name}};
      if (std::find(order.begin(), order.end(), member) != order.end()) continue;
      order.insert(order.begin() + static_cast<std::ptrdiff_t>(random_.Next() % (order.size() + 1)),
                   member);
    }
    object["$setElementOrder/" + list] = order;
  }
  Json Containers() {
    Json list = Json::array();
    for (const std::string& name : Shuffled({"a", "b", "c", "d"})) {
      Json container = {{"name", name}, {"image", Pick({"i", "j"})}};
      if (name == "a" && Once(2)) container["env"] = Members("name", {"A", "B", "C", "D"}, "value");
      if (name == "a" && Once(3)) Order(container, "env", "name", {"A", "B", "C", "D"});
      if (name == "a" && Once(4)) container["resources"] = {{"limits", Object("cpu", 3)}};
      if (Once(6)) container["args"] = {Pick({"x", "y"})};
      if (Once(6)) container = {{"name", name}, {"$patch", "delete"}};
      list.push_back(container);
    }
    return list;
  }

  SeededRandom random_;
};

TEST_F(StrategicMergeContract, ByRandom) {
  for (uint64_t seed = 1; seed <= kRandomPatches; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Compare(Base(), Generator(seed).Patch());
    if (HasFailure()) return;
  }
  std::printf("%d random patches, %d of them refused by both\n", kRandomPatches, refused_);
}

}  // namespace
}  // namespace spawner::contract
