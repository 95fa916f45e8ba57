#include "controller/session/hold.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/session/limits.h"
#include "nlohmann/json.hpp"

namespace spawner {
namespace {

using nlohmann::json;

absl::Status Unreadable(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("read ", kHoldsNote, ": ", why));
}

bool Take(const json& object, const char* field, size_t max, std::string& out) {
  const auto found = object.find(field);
  if (found == object.end() || !found->is_string()) return false;
  out = found->get<std::string>();
  return out.size() <= max;
}

// Microseconds since 1970.
bool Take(const json& object, const char* field, absl::Time& out) {
  const auto found = object.find(field);
  if (found == object.end() || !found->is_number_integer()) return false;
  out = absl::FromUnixMicros(found->get<int64_t>());
  return true;
}

}  // namespace

std::string EncodeHolds(const std::vector<Hold>& holds) {
  if (holds.empty()) return "";
  json list = json::array();
  for (const Hold& hold : holds) {
    list.push_back({{"owner", hold.owner},
                    {"reason", hold.reason},
                    {"create_us", absl::ToUnixMicros(hold.create_time)},
                    {"expire_us", absl::ToUnixMicros(hold.expire_time)}});
  }
  return list.dump(-1, ' ', false, json::error_handler_t::replace);
}

absl::StatusOr<std::vector<Hold>> DecodeHolds(absl::string_view text) {
  std::vector<Hold> holds;
  if (text.empty()) return holds;
  const json list = json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!list.is_array()) return Unreadable("is no JSON list");
  if (list.size() > kHoldsMax) return Unreadable("has too many holds");
  for (const json& object : list) {
    Hold hold;
    if (!object.is_object() || !Take(object, "owner", kHoldOwnerBytesMax, hold.owner) ||
        hold.owner.empty() || !Take(object, "reason", kHoldReasonBytesMax, hold.reason) ||
        !Take(object, "create_us", hold.create_time) ||
        !Take(object, "expire_us", hold.expire_time)) {
      return Unreadable("a hold lacks a member, or one is of a wrong type or too long");
    }
    holds.push_back(std::move(hold));
  }
  return holds;
}

}  // namespace spawner
