#include "controller/kube/api_path.h"

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace spawner::kube {
namespace {

std::string VerbOf(absl::string_view method, bool is_collection, bool is_watch) {
  if (method == "POST") return "create";
  if (method == "PUT") return "update";
  if (method != "GET") return absl::AsciiStrToLower(method);
  if (!is_collection) return "get";
  return is_watch ? "watch" : "list";
}

}  // namespace

std::string PodsPath(absl::string_view ns) {
  if (ns.empty()) return "/api/v1/pods";
  return absl::StrCat("/api/v1/namespaces/", ns, "/pods");
}

std::string PodPath(absl::string_view ns, absl::string_view name) {
  return absl::StrCat(PodsPath(ns), "/", name);
}

std::string QueryEscape(absl::string_view value) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || c == '-' || c == '.' || c == '_' || c == '~') {
      escaped.push_back(c);
    } else {
      escaped.append({'%', kHex[byte >> 4], kHex[byte & 15]});
    }
  }
  return escaped;
}

std::string RequestName::Text() const {
  if (resource.empty()) return absl::StrCat(verb, " ", name);
  const absl::string_view singular = absl::StripSuffix(resource, "s");
  // Reviews: they are asked, not kept.
  if (name.empty() && verb == "create" && ns.empty()) return absl::StrCat(verb, " a ", singular);
  if (name.empty() && verb != "create") {
    return absl::StrCat(verb, " ", resource,
                        ns.empty() ? " in all namespaces" : absl::StrCat(" in namespace ", ns));
  }
  return absl::StrCat(verb, " ", singular, " ", ns, ns.empty() ? "" : "/",
                      name.empty() ? "(unnamed)" : name);
}

RequestName NameRequest(absl::string_view method, absl::string_view path) {
  const std::pair<absl::string_view, absl::string_view> halves =
      absl::StrSplit(path, absl::MaxSplits('?', 1));
  const std::vector<absl::string_view> parts = absl::StrSplit(halves.first, '/', absl::SkipEmpty());
  // "api/v1/..." is the core group, "apis/GROUP/VERSION/..." every other.
  size_t at = !parts.empty() && parts[0] == "api" ? 2 : 3;
  if (parts.size() <= at || !absl::StartsWith(parts[0], "api")) {
    return {.verb = absl::AsciiStrToLower(method), .name = std::string(halves.first)};
  }
  RequestName request;
  if (parts[at] == "namespaces" && parts.size() > at + 2) {
    request.ns = std::string(parts[at + 1]);
    at += 2;
  }
  request.resource = std::string(parts[at]);
  if (parts.size() > at + 1) request.name = std::string(parts[at + 1]);
  if (parts.size() > at + 2) absl::StrAppend(&request.resource, "/", parts[at + 2]);
  request.verb =
      VerbOf(method, request.name.empty(), absl::StrContains(halves.second, "watch=true"));
  return request;
}

}  // namespace spawner::kube
