#include "controller/kube/yaml.h"

#include <yaml-cpp/yaml.h>

#include <exception>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace spawner::kube {
namespace {

constexpr int kNodesMax = 100'000;  // aliases expanded: some bytes can stand for billions

class Converter {
 public:
  absl::StatusOr<Json> Convert(const YAML::Node& node, int depth) {
    if (depth > kJsonDepthMax || ++nodes_ > kNodesMax) {
      return absl::InvalidArgumentError(absl::StrCat("not a configuration: more than ", kNodesMax,
                                                     " nodes or ", kJsonDepthMax, " levels"));
    }
    if (node.IsScalar()) return Scalar(node);
    if (node.IsSequence()) return Sequence(node, depth);
    if (node.IsMap()) return Map(node, depth);
    return Json();
  }

 private:
  static Json Scalar(const YAML::Node& node) {
    const std::string& text = node.Scalar();
    if (node.Tag() != "!") {  // yaml-cpp's mark of a quoted one
      if (text == "true") return true;
      if (text == "false") return false;
    }
    return text;
  }

  absl::StatusOr<Json> Sequence(const YAML::Node& node, int depth) {
    Json array = Json::array();
    for (const YAML::Node& item : node) {
      ASSIGN_OR_RETURN(Json value, Convert(item, depth + 1));
      array.push_back(std::move(value));
    }
    return array;
  }

  absl::StatusOr<Json> Map(const YAML::Node& node, int depth) {
    Json object = Json::object();
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) {
        return absl::InvalidArgumentError("not a configuration: a key that is no text");
      }
      ASSIGN_OR_RETURN(Json value, Convert(entry.second, depth + 1));
      object[entry.first.Scalar()] = std::move(value);
    }
    return object;
  }

  int nodes_ = 0;
};

}  // namespace

absl::StatusOr<Json> ParseYaml(absl::string_view text) {
  try {
    return Converter().Convert(YAML::Load(std::string(text)), 0);
  } catch (const YAML::Exception& e) {
    return absl::InvalidArgumentError(
        absl::StrCat("not YAML: line ", e.mark.line + 1, ": ", e.msg));
  } catch (const std::exception& e) {
    return absl::InvalidArgumentError(absl::StrCat("not YAML: ", e.what()));
  }
}

}  // namespace spawner::kube
