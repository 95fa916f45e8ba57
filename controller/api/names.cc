#include "controller/api/names.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"

namespace spawner::api {
namespace {

absl::Status BadName(absl::string_view field, absl::string_view form) {
  return InvalidField(field, absl::StrCat("must be ", form,
                                          ", each part of 1 to 63 characters of a-z, 0-9 and '-'"));
}

}  // namespace

absl::StatusOr<SessionName> ParseSessionName(absl::string_view field, absl::string_view name) {
  const std::vector<absl::string_view> parts = absl::StrSplit(name, absl::MaxSplits('/', 4));
  if (parts.size() != 4 || parts[0] != "namespaces" || parts[2] != "sessions" ||
      !IsDnsLabel(parts[1]) || !IsDnsLabel(parts[3])) {
    return BadName(field, "namespaces/{namespace}/sessions/{id}");
  }
  return SessionName{std::string(parts[1]), SessionId{std::string(parts[3])}};
}

std::string FormatSessionName(absl::string_view ns, const SessionId& id) {
  return absl::StrCat("namespaces/", ns, "/sessions/", id.value);
}

absl::StatusOr<std::string> ParseParent(absl::string_view field, absl::string_view parent) {
  const std::vector<absl::string_view> parts = absl::StrSplit(parent, absl::MaxSplits('/', 2));
  if (parts.size() != 2 || parts[0] != "namespaces" || !IsDnsLabel(parts[1])) {
    return BadName(field, "namespaces/{namespace}");
  }
  return std::string(parts[1]);
}

absl::StatusOr<std::string> ParseParentOrAll(absl::string_view field, absl::string_view parent) {
  if (parent == "namespaces/-") return std::string();
  return ParseParent(field, parent);
}

absl::Status CheckText(absl::string_view field, absl::string_view text, size_t bytes_max) {
  if (text.size() > bytes_max) {
    return InvalidField(field,
                        absl::StrCat(text.size(), " bytes; at most ", bytes_max, " are allowed"));
  }
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return InvalidField(field, "control characters are not allowed");
    }
  }
  return absl::OkStatus();
}

}  // namespace spawner::api
