#include "controller/session/strategic_merge.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status.h"

namespace spawner {
namespace {

using nlohmann::json;

constexpr char kPatch[] = "$patch";
constexpr char kRetainKeys[] = "$retainKeys";
constexpr absl::string_view kSetOrder = "$setElementOrder/";
constexpr absl::string_view kDeleteFrom = "$deleteFromPrimitiveList/";

absl::Status MergeObject(const std::string& path, json patch, json& target);

// k8s.io/api/core/v1 types.go, `patchMergeKey`.
struct NamedList {
  const char* list;
  const char* key;
};
constexpr NamedList kNamedLists[] = {
    {"containers", "name"},
    {"initContainers", "name"},
    {"ephemeralContainers", "name"},
    {"volumes", "name"},
    {"env", "name"},
    {"imagePullSecrets", "name"},
    {"resourceClaims", "name"},
    {"schedulingGates", "name"},
    {"volumeMounts", "mountPath"},
    {"volumeDevices", "devicePath"},
    {"ports", "containerPort"},
    {"hostAliases", "ip"},
    {"topologySpreadConstraints", "topologyKey"},
    {"ownerReferences", "uid"},
};

// Of values, with patchStrategy merge.
bool IsMergedPrimitiveList(absl::string_view list) { return list == "finalizers"; }

// Nulls, and what a directive stands on, are no part of something new. False: nor is `value`.
bool Clean(json& value) {
  if (value.is_object()) {
    if (value.contains(kPatch)) return false;
    for (auto member = value.begin(); member != value.end();) {
      const bool is_kept =
          !absl::StartsWith(member.key(), "$") && !member->is_null() && Clean(*member);
      member = is_kept ? std::next(member) : value.erase(member);
    }
  } else if (value.is_array()) {
    json kept = json::array();
    for (json& member : value) {
      if (Clean(member)) kept.push_back(std::move(member));
    }
    value = std::move(kept);
  }
  return true;
}

// Where `list` has a member equal to `member`: in `key`, or as a whole if there is none.
size_t IndexIn(const json& list, const json& member, const char* key) {
  const auto is_same = [&](const json& other) {
    if (key == nullptr) return other == member;
    const auto mine = member.find(key);
    const auto theirs = other.find(key);
    return mine != member.end() && theirs != other.end() && *mine == *theirs;
  };
  return static_cast<size_t>(std::find_if(list.begin(), list.end(), is_same) - list.begin());
}

// As `reference` has them; equal ones stay in their order.
void SortBy(const json& reference, const char* key, std::vector<json>& members) {
  std::vector<std::pair<size_t, size_t>> places;
  for (size_t i = 0; i < members.size(); ++i) {
    places.push_back({IndexIn(reference, members[i], key), i});
  }
  std::sort(places.begin(), places.end());
  std::vector<json> sorted;
  for (const auto& [place, from] : places) sorted.push_back(std::move(members[from]));
  members = std::move(sorted);
}

// What `order` names comes in its order and before what it doesn't, but for pairs that `before`
// has both of: they stay in theirs. As strategicpatch's normalizeElementOrder.
void Reorder(const json& order, const json& before, const char* key, json& list) {
  std::vector<json> named;
  std::vector<json> others;
  for (json& member : list) {
    (IndexIn(order, member, key) < order.size() ? named : others).push_back(std::move(member));
  }
  SortBy(order, key, named);
  SortBy(before, key, others);
  list = json::array();
  size_t left = 0;
  size_t right = 0;
  while (left < others.size() || right < named.size()) {
    bool takes_other = right == named.size();
    if (!takes_other && left < others.size()) {
      const size_t a = IndexIn(before, others[left], key);
      const size_t b = IndexIn(before, named[right], key);
      takes_other = a < before.size() && b < before.size() && a < b;
    }
    list.push_back(std::move(takes_other ? others[left++] : named[right++]));
  }
}

absl::Status CheckMembers(const std::string& path, const char* key, const json& list) {
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string at = absl::StrCat(path, "[", i, "]");
    if (!list[i].is_object()) return InvalidField(at, "must be an object");
    const bool replaces = list[i].contains(kPatch) && list[i][kPatch] == "replace";
    if (!replaces && !list[i].contains(key)) {
      return InvalidField(absl::StrCat(at, ".", key), "is missing");
    }
  }
  return absl::OkStatus();
}

// Takes the members with a directive out of `patch` and obeys them. True: the list is replaced.
absl::StatusOr<bool> ObeyDirectives(const std::string& path, const char* key, json& patch,
                                    json& target) {
  bool replaces = false;
  json plain = json::array();
  for (json& member : patch) {
    const auto directive = member.find(kPatch);
    if (directive == member.end()) {
      plain.push_back(std::move(member));
    } else if (*directive == "replace") {
      replaces = true;
    } else if (*directive == "delete") {
      for (size_t at = IndexIn(target, member, key); at < target.size();
           at = IndexIn(target, member, key)) {
        target.erase(at);
      }
    } else {
      return InvalidField(absl::StrCat(path, ".", kPatch),
                          "must be \"replace\" or \"delete\" within a list");
    }
  }
  patch = std::move(plain);
  return replaces;
}

absl::Status MergeNamedList(const std::string& path, const char* key, json patch, json& target) {
  RETURN_IF_ERROR(CheckMembers(path, key, patch));
  RETURN_IF_ERROR(CheckMembers(path, key, target));
  ASSIGN_OR_RETURN(const bool replaces, ObeyDirectives(path, key, patch, target));
  if (replaces) {
    Clean(patch);
    target = std::move(patch);
    return absl::OkStatus();
  }
  const json before = target;
  for (json& member : patch) {
    const size_t at = IndexIn(target, member, key);
    if (at < target.size()) {
      const std::string name =
          member[key].is_string() ? member[key].get<std::string>() : member[key].dump();
      RETURN_IF_ERROR(MergeObject(absl::StrCat(path, "[", name, "]"), member, target[at]));
    } else {
      json added = member;
      if (Clean(added)) target.push_back(std::move(added));
    }
  }
  Reorder(patch, before, key, target);
  return absl::OkStatus();
}

void MergePrimitiveList(const json& patch, json& target) {
  const json before = target;
  for (const json& value : patch) {
    if (IndexIn(target, value, nullptr) == target.size()) target.push_back(value);
  }
  Reorder(patch, before, nullptr, target);
}

absl::Status MergeField(const std::string& path, const std::string& field, json value,
                        json& target) {
  if (value.is_null()) {
    target.erase(field);
    return absl::OkStatus();
  }
  const auto found = target.find(field);
  const bool merges = found != target.end() && found->type() == value.type();
  if (merges && value.is_object()) return MergeObject(path, std::move(value), *found);
  if (merges && value.is_array()) {
    if (const char* key = MergeKey(field)) {
      return MergeNamedList(path, key, std::move(value), *found);
    }
    if (IsMergedPrimitiveList(field)) {
      MergePrimitiveList(value, *found);
      return absl::OkStatus();
    }
  }
  if (const char* key = MergeKey(field); key != nullptr && value.is_array()) {
    RETURN_IF_ERROR(CheckMembers(path, key, value));
  }
  if (Clean(value)) {
    target[field] = std::move(value);
  } else {
    target.erase(field);
  }
  return absl::OkStatus();
}

absl::Status RetainKeys(const std::string& path, const json& keys, const json& patch,
                        json& target) {
  const std::string at = absl::StrCat(path, ".", kRetainKeys);
  if (!keys.is_array()) return InvalidField(at, "must be a list of fields");
  for (const auto& [field, value] : patch.items()) {
    if (value.is_null() || absl::StartsWith(field, "$")) continue;
    if (IndexIn(keys, field, nullptr) == keys.size()) {
      return InvalidField(at, absl::StrCat("must name ", field, ", which the patch sets"));
    }
  }
  for (auto member = target.begin(); member != target.end();) {
    const bool is_kept = IndexIn(keys, member.key(), nullptr) < keys.size();
    member = is_kept ? std::next(member) : target.erase(member);
  }
  return absl::OkStatus();
}

// What the API server takes for the order of before when a patch with an order has deleted members:
// its list of before is the memory that it deletes from and adds to, as far as that reaches
// (strategicpatch's deleteMatchingEntries and append share one Go array).
json OrderOfBefore(const json& before, const json& patch, const char* key) {
  if (key == nullptr) return before;
  json deleted = json::array();
  json added = json::array();
  bool replaces = false;
  for (const json& member : patch) {
    if (!member.is_object()) return before;
    const auto directive = member.find(kPatch);
    if (directive == member.end()) {
      if (IndexIn(before, member, key) == before.size()) added.push_back(member);
    } else if (*directive == "delete") {
      deleted.push_back(member);
    } else {
      replaces = true;
    }
  }
  json order = json::array();
  for (const json& member : before) {
    if (IndexIn(deleted, member, key) == deleted.size()) order.push_back(member);
  }
  if (order.size() == before.size()) return before;
  for (size_t i = 0; !replaces && i < added.size() && order.size() < before.size(); ++i) {
    order.push_back(added[i]);
  }
  return order;
}

// "$setElementOrder/FIELD", with the field's own patch, which it takes out of `patch`.
absl::Status SetOrder(const std::string& path, const std::string& field, const json& order,
                      json& patch, json& target) {
  const std::string at = absl::StrCat(path, ".", field);
  if (!order.is_array()) return InvalidField(absl::StrCat(path, ".", kSetOrder, field), "no list");
  const char* key = MergeKey(field);
  json before = target.value(field, json::array());
  if (const auto value = patch.find(field); value != patch.end()) {
    if (!value->is_array()) return InvalidField(at, "must be a list beside its order");
    size_t next = 0;
    for (const json& member : *value) {
      if (member.is_object() && member.contains(kPatch)) continue;
      while (next < order.size() && IndexIn(json::array({order[next]}), member, key) != 0) ++next;
      if (next++ >= order.size() && !order.empty()) {
        return InvalidField(at, absl::StrCat("is in another order than ", kSetOrder, field));
      }
    }
    RETURN_IF_ERROR(MergeField(at, field, *value, target));
    before = OrderOfBefore(before, *value, key);
    patch.erase(field);
  }
  const auto list = target.find(field);
  if (list == target.end() || !list->is_array()) return absl::OkStatus();
  Reorder(order, before, key, *list);
  return absl::OkStatus();
}

absl::Status ObeyListDirectives(const std::string& path, json& patch, json& target) {
  const json directives = patch;
  for (const auto& [name, value] : directives.items()) {
    absl::string_view field = name;
    if (!absl::ConsumePrefix(&field, kSetOrder)) continue;
    patch.erase(name);
    RETURN_IF_ERROR(SetOrder(path, std::string(field), value, patch, target));
  }
  for (const auto& [name, value] : directives.items()) {
    absl::string_view field = name;
    if (!absl::ConsumePrefix(&field, kDeleteFrom)) continue;
    patch.erase(name);
    if (!value.is_array()) return InvalidField(absl::StrCat(path, ".", name), "must be a list");
    const auto list = target.find(std::string(field));
    if (list == target.end() || !list->is_array()) continue;
    json kept = json::array();
    for (json& member : *list) {
      if (IndexIn(value, member, nullptr) == value.size()) kept.push_back(std::move(member));
    }
    *list = std::move(kept);
  }
  return absl::OkStatus();
}

absl::Status MergeObject(const std::string& path, json patch, json& target) {
  if (const auto directive = patch.find(kPatch); directive != patch.end()) {
    if (*directive == "delete") {
      target = json::object();
      return absl::OkStatus();
    }
    if (*directive != "replace") {
      return InvalidField(absl::StrCat(path, ".", kPatch), "must be \"replace\" or \"delete\"");
    }
    patch.erase(directive);
    Clean(patch);
    target = std::move(patch);
    return absl::OkStatus();
  }
  if (const auto keys = patch.find(kRetainKeys); keys != patch.end()) {
    const json retained = std::move(*keys);
    patch.erase(keys);
    RETURN_IF_ERROR(RetainKeys(path, retained, patch, target));
  }
  RETURN_IF_ERROR(ObeyListDirectives(path, patch, target));
  for (const auto& [field, value] : patch.items()) {
    const std::string at = absl::StrCat(path, ".", field);
    if (absl::StartsWith(field, "$")) return InvalidField(at, "unknown directive");
    RETURN_IF_ERROR(MergeField(at, field, value, target));
  }
  return absl::OkStatus();
}

}  // namespace

const char* MergeKey(absl::string_view list) {
  for (const NamedList& named : kNamedLists) {
    if (list == named.list) return named.key;
  }
  return nullptr;
}

absl::Status StrategicMerge(const std::string& path, const json& patch, json& target) {
  if (!patch.is_object()) return InvalidField(path, "must be a JSON object");
  if (!target.is_object()) target = json::object();
  return MergeObject(path, patch, target);
}

}  // namespace spawner
