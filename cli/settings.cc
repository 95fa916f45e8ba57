#include "cli/settings.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/bearer_file.h"
#include "base/file.h"
#include "base/grpc_security.h"
#include "base/status.h"
#include "cli/config.h"

namespace spawner::cli {
namespace {

constexpr int kPortMax = 65535;
constexpr size_t kTokenBytesMax = 64 << 10;

bool IsLoopback(absl::string_view address) {
  return absl::StartsWith(address, "127.") || absl::StartsWith(address, "localhost:") ||
         absl::StartsWith(address, "[::1]:");
}

// A value and where it stands, for messages.
struct Found {
  std::string value;
  std::string place;
};

class Finder {
 public:
  Finder(const Arguments& arguments, const Surroundings& surroundings)
      : arguments_(arguments), surroundings_(surroundings) {}

  absl::Status Load(Settings* settings);
  Found Find(const std::string& flag, const char* variable, const std::string& otherwise) const;

 private:
  const Arguments& arguments_;
  const Surroundings& surroundings_;
  Config config_;
  std::string name_;
};

absl::Status Finder::Load(Settings* settings) {
  const std::string path = ConfigPath(surroundings_.environment);
  ASSIGN_OR_RETURN(config_, LoadConfig(path, &settings->warning));
  name_ = arguments_.Get("context", surroundings_.environment("SPAWNER_CONTEXT"));
  if (name_.empty()) name_ = config_.current;
  if (!name_.empty() && config_.contexts.count(name_) == 0) {
    const std::string names = absl::StrJoin(
        config_.contexts, ", ",
        [](std::string* out, const auto& context) { absl::StrAppend(out, context.first); });
    return absl::InvalidArgumentError(
        absl::StrCat("there is no context \"", name_, "\" in ",
                     path.empty() ? "any file (HOME is not set)" : path,
                     "; there are: ", names.empty() ? "none" : names));
  }
  settings->context = name_;
  return absl::OkStatus();
}

Found Finder::Find(const std::string& flag, const char* variable,
                   const std::string& otherwise) const {
  if (arguments_.Has(flag)) return {arguments_.Get(flag), absl::StrCat("--", flag)};
  if (const std::string set = surroundings_.environment(variable); !set.empty()) {
    return {set, variable};
  }
  const auto context = config_.contexts.find(name_);
  const auto member = ContextMembers().find(flag);
  if (context != config_.contexts.end() && member != ContextMembers().end()) {
    const std::string& value = context->second.*(member->second);
    if (!value.empty()) return {value, absl::StrCat("context ", name_, ": ", flag)};
  }
  return {otherwise, ""};
}

bool IsOfContext(const Found& found) { return absl::StartsWith(found.place, "context "); }

// Of what stands at the same place a token beats a file of one. gRPC ends the process over a byte
// that no header may have, so that is told before.
absl::StatusOr<std::string> FindToken(const Finder& finder, bool has_file_flag) {
  Found token = finder.Find("token", "SPAWNER_TOKEN", "");
  const Found file = finder.Find("token-file", "SPAWNER_TOKEN_FILE", "");
  const bool is_file_nearer = has_file_flag || (IsOfContext(token) && !IsOfContext(file));
  if (!file.value.empty() && (token.value.empty() || is_file_nearer)) {
    const absl::StatusOr<std::string> text = ReadFile(file.value, kTokenBytesMax);
    if (!text.ok()) return Annotate(text.status(), file.place);
    token = {*text, file.place};
  }
  token.value = std::string(absl::StripAsciiWhitespace(token.value));
  if (!token.value.empty() && !IsBearerToken(token.value)) {
    return absl::InvalidArgumentError(absl::StrCat(
        token.place,
        ": is no token: it has a space, a control character or a letter beyond ASCII"));
  }
  return token.value;
}

}  // namespace

bool IsHostPort(absl::string_view text) {
  const size_t colon = text.rfind(':');
  int port = 0;
  return colon != text.npos && colon > 0 && absl::SimpleAtoi(text.substr(colon + 1), &port) &&
         port > 0 && port <= kPortMax && !absl::StrContains(text, '/');
}

absl::StatusOr<Settings> FindSettings(const Arguments& arguments,
                                      const Surroundings& surroundings) {
  Settings settings;
  Finder finder(arguments, surroundings);
  RETURN_IF_ERROR(finder.Load(&settings));
  const Found address = finder.Find("address", "SPAWNER_ADDRESS", kDefaultAddress);
  if (!IsHostPort(address.value)) {
    return absl::InvalidArgumentError(
        absl::StrCat(address.place, ": \"", address.value, "\" is not HOST:PORT"));
  }
  settings.client.address = address.value;
  settings.ns = finder.Find("namespace", "SPAWNER_NAMESPACE", "default").value;
  const Found ca = finder.Find("ca", "SPAWNER_CA", "");
  const Found cert = finder.Find("client-cert", "SPAWNER_CLIENT_CERT", "");
  const Found key = finder.Find("client-key", "SPAWNER_CLIENT_KEY", "");
  settings.client.tls = {
      .ca = ca.value,
      .cert = cert.value,
      .key = key.value,
      .server_name = finder.Find("server-name", "SPAWNER_SERVER_NAME", "").value};
  if (const absl::Status status = CheckTlsFiles(settings.client.tls); !status.ok()) {
    std::vector<std::string> places = {ca.place, cert.place, key.place};
    places.erase(std::remove(places.begin(), places.end(), ""), places.end());
    return Annotate(status, absl::StrJoin(places, ", "));
  }
  ASSIGN_OR_RETURN(settings.client.token, FindToken(finder, arguments.Has("token-file")));
  if (!settings.client.token.empty() && settings.client.tls.IsEmpty() &&
      !IsLoopback(address.value)) {
    settings.token_warning =
        absl::StrCat("the token goes to ", address.value, " unencrypted: use TLS (--ca)");
  }
  return settings;
}

}  // namespace spawner::cli
