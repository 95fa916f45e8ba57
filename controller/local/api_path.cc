#include "controller/local/api_path.h"

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "base/ids.h"
#include "controller/local/limits.h"

namespace spawner::local {
namespace {

constexpr Resource kResources[] = {Resource::kPods,   Resource::kPodTemplates, Resource::kSecrets,
                                   Resource::kLeases, Resource::kEvents,       Resource::kClaims};

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = absl::ascii_tolower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Undoes percent-encoding (RFC 3986 2.1); '+' is a space only in a query.
std::optional<std::string> Unescape(absl::string_view text, bool is_query) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = HexDigit(text[i + 1]);
      const int low = HexDigit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      out.push_back(is_query && text[i] == '+' ? ' ' : text[i]);
    }
  }
  return out;
}

bool ParseQuery(absl::string_view text, std::map<std::string, std::string>& query) {
  for (absl::string_view part : absl::StrSplit(text, '&', absl::SkipEmpty())) {
    std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    std::optional<std::string> name = Unescape(pair.first, /*is_query=*/true);
    std::optional<std::string> value = Unescape(pair.second, /*is_query=*/true);
    if (!name || !value) return false;
    query.emplace(*std::move(name), *std::move(value));
  }
  return true;
}

// Takes the group and version off `parts`, and says which group it was.
std::optional<std::string> TakeGroup(std::vector<std::string>& parts) {
  size_t taken = 0;
  std::string group;
  if (parts.size() >= 2 && parts[0] == "api" && parts[1] == "v1") {
    taken = 2;
  } else if (parts.size() >= 3 && parts[0] == "apis" && parts[2] == "v1") {
    group = parts[1];
    taken = 3;
  } else {
    return std::nullopt;
  }
  parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(taken));
  return group;
}

}  // namespace

const ResourceInfo& InfoOf(Resource resource) {
  static constexpr ResourceInfo kPods = {"", "v1", "pods", "Pod", true};
  static constexpr ResourceInfo kPodTemplates = {"", "v1", "podtemplates", "PodTemplate", true};
  static constexpr ResourceInfo kSecrets = {"", "v1", "secrets", "Secret", false};
  static constexpr ResourceInfo kLeases = {"coordination.k8s.io", "coordination.k8s.io/v1",
                                           "leases", "Lease", false};
  static constexpr ResourceInfo kEvents = {"", "v1", "events", "Event", false};
  static constexpr ResourceInfo kClaims = {"", "v1", "persistentvolumeclaims",
                                           "PersistentVolumeClaim", true};
  switch (resource) {
    case Resource::kEvents:
      return kEvents;
    case Resource::kPods:
      return kPods;
    case Resource::kPodTemplates:
      return kPodTemplates;
    case Resource::kSecrets:
      return kSecrets;
    case Resource::kLeases:
      return kLeases;
    case Resource::kClaims:
      return kClaims;
  }
  return kPods;
}

absl::string_view ApiPath::Query(const std::string& parameter) const {
  const auto found = query.find(parameter);
  return found == query.end() ? absl::string_view() : absl::string_view(found->second);
}

bool ApiPath::IsQueryTrue(const std::string& parameter) const {
  const absl::string_view value = Query(parameter);
  return value == "true" || value == "1";
}

std::optional<ApiPath> ParseApiPath(absl::string_view text) {
  if (text.size() > kPathBytesMax || text.empty() || text[0] != '/') return std::nullopt;
  ApiPath path;
  const size_t mark = text.find('?');
  if (mark != absl::string_view::npos && !ParseQuery(text.substr(mark + 1), path.query)) {
    return std::nullopt;
  }
  const absl::string_view plain = text.substr(0, mark);
  std::vector<std::string> parts;
  for (absl::string_view part : absl::StrSplit(plain.substr(1), '/')) {
    std::optional<std::string> unescaped = Unescape(part, /*is_query=*/false);
    if (!unescaped || unescaped->empty()) return std::nullopt;
    parts.push_back(*std::move(unescaped));
  }
  if (parts.size() == 1) {
    path.plain = std::string(plain);
    return path;
  }
  const std::optional<std::string> group = TakeGroup(parts);
  if (!group) return std::nullopt;
  if (parts.size() >= 2 && parts[0] == "namespaces") {
    if (!IsDnsLabel(parts[1])) return std::nullopt;
    path.ns = parts[1];
    parts.erase(parts.begin(), parts.begin() + 2);
  }
  if (parts.empty() || parts.size() > 3) return std::nullopt;
  if (parts.size() > 1 && path.ns.empty()) return std::nullopt;  // an object without its namespace
  if (parts.size() > 1) path.name = parts[1];
  if (parts.size() > 2) path.subresource = parts[2];
  for (Resource resource : kResources) {
    const ResourceInfo& info = InfoOf(resource);
    if (info.group == *group && info.plural == parts[0]) {
      path.resource = resource;
      return path;
    }
  }
  return std::nullopt;
}

}  // namespace spawner::local
