#include "cli/documents.h"

#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "google/protobuf/util/json_util.h"

namespace spawner::cli {
namespace {

using Json = nlohmann::json;

constexpr int kDepthMax = 100;  // protobuf's JSON parser takes as many
constexpr size_t kNodesMax =
    200'000;  // aliases multiply: a file is small, what it means may not be

// Plain scalars by YAML 1.2's core schema; what is in quotes is a string.
Json ScalarOf(const YAML::Node& node) {
  const std::string& text = node.Scalar();
  if (node.Tag() == "!") return text;
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  if (text.empty() || text == "~" || text == "null" || text == "Null") return nullptr;
  const bool looks_numeric = text.find_first_not_of("0123456789+-.eE") == std::string::npos &&
                             text.find_first_of("0123456789") != std::string::npos;
  int64_t integer = 0;
  if (looks_numeric && absl::SimpleAtoi(text, &integer)) return integer;
  double number = 0;
  if (looks_numeric && absl::SimpleAtod(text, &number)) return number;
  return text;
}

absl::StatusOr<Json> ToJsonValue(const YAML::Node& node, int depth, size_t* nodes) {
  if (depth > kDepthMax) return absl::InvalidArgumentError("nested too deeply");
  if (++*nodes > kNodesMax) return absl::InvalidArgumentError("too large");
  if (node.IsMap()) {
    Json object = Json::object();
    for (const auto& member : node) {
      if (!member.first.IsScalar()) return absl::InvalidArgumentError("a key is no string");
      ASSIGN_OR_RETURN(object[member.first.Scalar()], ToJsonValue(member.second, depth + 1, nodes));
    }
    return object;
  }
  if (node.IsSequence()) {
    Json array = Json::array();
    for (const auto& element : node) {
      ASSIGN_OR_RETURN(Json value, ToJsonValue(element, depth + 1, nodes));
      array.push_back(std::move(value));
    }
    return array;
  }
  return node.IsScalar() ? ScalarOf(node) : Json(nullptr);
}

std::string StringOf(const Json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

absl::StatusOr<std::string> TextOf(const Json& object) {
  try {  // the library has no other way to say it
    return object.dump();
  } catch (const Json::type_error&) {
    return absl::InvalidArgumentError("is not UTF-8");
  }
}

absl::StatusOr<v1::Template> FromPodTemplate(const Json& object, const std::string& ns) {
  const auto metadata = object.find("metadata");
  const std::string name = metadata == object.end() ? "" : StringOf(*metadata, "name");
  if (name.empty()) return absl::InvalidArgumentError("metadata.name is missing");
  const std::string own = StringOf(*metadata, "namespace");
  v1::Template result;
  ASSIGN_OR_RETURN(const std::string text, TextOf(object));
  const auto parsed =
      google::protobuf::util::JsonStringToMessage(text, result.mutable_pod_template());
  if (!parsed.ok()) return absl::InvalidArgumentError(std::string(parsed.message()));
  result.set_name(absl::StrCat("namespaces/", own.empty() ? ns : own, "/templates/", name));
  return result;
}

absl::Status Add(const Json& object, const std::string& ns, std::vector<v1::Template>* all) {
  if (!object.is_object()) return absl::InvalidArgumentError("is no object");
  if (object.contains("podTemplate") || object.contains("pod_template")) {
    v1::Template one;
    google::protobuf::util::JsonParseOptions options;
    options.ignore_unknown_fields = false;
    ASSIGN_OR_RETURN(const std::string text, TextOf(object));
    const auto parsed = google::protobuf::util::JsonStringToMessage(text, &one, options);
    if (!parsed.ok()) return absl::InvalidArgumentError(std::string(parsed.message()));
    one.clear_pool();  // status
    all->push_back(std::move(one));
    return absl::OkStatus();
  }
  const std::string kind = StringOf(object, "kind");
  if (kind == "List" || kind == "PodTemplateList") {
    const auto items = object.find("items");
    if (items == object.end() || !items->is_array()) {
      return absl::InvalidArgumentError("items is missing");
    }
    for (const Json& item : *items) {
      if (StringOf(item, "kind").find("List") != std::string::npos) {
        return absl::InvalidArgumentError("a list in a list");
      }
      RETURN_IF_ERROR(Add(item, ns, all));
    }
    return absl::OkStatus();
  }
  if (kind != "PodTemplate") {
    return absl::InvalidArgumentError(
        absl::StrCat("kind is \"", kind, "\"; it must be PodTemplate (apiVersion v1)"));
  }
  ASSIGN_OR_RETURN(v1::Template one, FromPodTemplate(object, ns));
  all->push_back(std::move(one));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<v1::Template>> ReadTemplates(absl::string_view text,
                                                        const std::string& ns) {
  std::vector<YAML::Node> documents;
  try {  // yaml-cpp has no other way to say it
    documents = YAML::LoadAll(std::string(text));
  } catch (const YAML::Exception& e) {
    return absl::InvalidArgumentError(absl::StrCat("not YAML: ", e.what()));
  }
  std::vector<v1::Template> all;
  size_t nodes = 0;
  for (size_t d = 0; d < documents.size(); ++d) {
    if (documents[d].IsNull()) continue;  // "---" at an end
    const std::string which = absl::StrCat("document ", d + 1);
    const absl::StatusOr<Json> object = ToJsonValue(documents[d], 0, &nodes);
    if (!object.ok()) return Annotate(object.status(), which);
    RETURN_IF_ERROR(Annotate(Add(*object, ns, &all), which));
  }
  if (all.empty()) return absl::InvalidArgumentError("there is no PodTemplate in it");
  return all;
}

}  // namespace spawner::cli
