#include "cli/config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/file.h"
#include "base/status.h"

namespace spawner::cli {
namespace {

constexpr size_t kBytesMax = 1 << 20;

absl::Status Errno(absl::string_view what, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat(what, " ", path));
}

absl::StatusOr<Context> ParseContext(const std::string& name, const YAML::Node& node) {
  Context context;
  if (!node.IsMap()) {
    return absl::InvalidArgumentError(absl::StrCat("context ", name, " has no members"));
  }
  for (const auto& member : node) {
    std::string word = member.first.IsScalar() ? member.first.Scalar() : "";
    for (char& c : word) c = c == '_' ? '-' : c;
    const auto found = ContextMembers().find(word);
    if (found == ContextMembers().end() || !member.second.IsScalar()) {
      return absl::InvalidArgumentError(
          absl::StrCat("context ", name, ": \"", word, "\" is no member of a context"));
    }
    context.*(found->second) = member.second.Scalar();
  }
  return context;
}

absl::StatusOr<Config> FromNode(const YAML::Node& root) {
  Config config;
  if (root.IsNull()) return config;
  if (!root.IsMap()) return absl::InvalidArgumentError("it is no map of current and contexts");
  for (const auto& member : root) {
    const std::string word = member.first.IsScalar() ? member.first.Scalar() : "";
    if (word == "current" && member.second.IsScalar()) {
      config.current = member.second.Scalar();
    } else if (word == "contexts" && member.second.IsMap()) {
      for (const auto& context : member.second) {
        const std::string name = context.first.IsScalar() ? context.first.Scalar() : "";
        ASSIGN_OR_RETURN(config.contexts[name], ParseContext(name, context.second));
      }
    } else if (!(word == "contexts" && member.second.IsNull())) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", word, "\" is not current or contexts, or has the wrong form"));
    }
  }
  return config;
}

// mkdir -p of the file's folder.
absl::Status MakeFolder(const std::string& path) {
  for (size_t slash = path.find('/', 1); slash != path.npos; slash = path.find('/', slash + 1)) {
    const std::string folder = path.substr(0, slash);
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return Errno("make folder", folder);
  }
  return absl::OkStatus();
}

absl::Status WriteAll(int file, const std::string& text, const std::string& path) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = write(file, text.data() + done, text.size() - done);
    if (n < 0) return Errno("write", path);
    done += static_cast<size_t>(n);
  }
  return fsync(file) == 0 ? absl::OkStatus() : Errno("write", path);
}

}  // namespace

const std::map<std::string, std::string Context::*>& ContextMembers() {
  static const std::map<std::string, std::string Context::*> kMembers = {
      {"address", &Context::address}, {"namespace", &Context::ns},
      {"token", &Context::token},     {"token-file", &Context::token_file},
      {"ca", &Context::ca},           {"client-cert", &Context::cert},
      {"client-key", &Context::key},  {"server-name", &Context::server_name},
  };
  return kMembers;
}

absl::StatusOr<Config> ParseConfig(absl::string_view yaml) {
  try {  // yaml-cpp has no other way to say it
    return FromNode(YAML::Load(std::string(yaml)));
  } catch (const YAML::Exception& e) {
    return absl::InvalidArgumentError(absl::StrCat("not YAML: ", e.what()));
  }
}

std::string WriteConfig(const Config& config) {
  YAML::Emitter out;
  out << YAML::BeginMap << YAML::Key << "current" << YAML::Value << config.current;
  out << YAML::Key << "contexts" << YAML::Value << YAML::BeginMap;
  for (const auto& [name, context] : config.contexts) {
    out << YAML::Key << name << YAML::Value << YAML::BeginMap;
    for (const auto& [word, member] : ContextMembers()) {
      if ((context.*member).empty()) continue;
      out << YAML::Key << absl::StrReplaceAll(word, {{"-", "_"}}) << YAML::Value
          << YAML::DoubleQuoted << context.*member;
    }
    out << YAML::EndMap;
  }
  out << YAML::EndMap << YAML::EndMap;
  return absl::StrCat(out.c_str(), "\n");
}

std::string ConfigPath(const std::function<std::string(const char*)>& environment) {
  if (const std::string path = environment("SPAWNER_CONFIG"); !path.empty()) return path;
  std::string folder = environment("XDG_CONFIG_HOME");
  if (folder.empty() && !environment("HOME").empty()) {
    folder = absl::StrCat(environment("HOME"), "/.config");
  }
  return folder.empty() ? "" : absl::StrCat(folder, "/spawner/config.yaml");
}

absl::StatusOr<Config> LoadConfig(const std::string& path, std::string* warning) {
  if (path.empty()) return Config();
  absl::StatusOr<std::string> text = ReadFile(path, kBytesMax);
  if (absl::IsNotFound(text.status())) return Config();
  if (!text.ok()) return text.status();
  struct stat info{};
  if (stat(path.c_str(), &info) == 0 && (info.st_mode & 077) != 0) {
    *warning = absl::StrCat(path, " may be read by others and can hold tokens: chmod 600 ", path);
  }
  absl::StatusOr<Config> config = ParseConfig(*text);
  if (!config.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": ", config.status().message(), "; mend it, or delete it and make contexts anew"));
  }
  return config;
}

absl::Status SaveConfig(const std::string& path, const Config& config) {
  if (path.empty()) {
    return absl::FailedPreconditionError("there is no place for it: set HOME or SPAWNER_CONFIG");
  }
  RETURN_IF_ERROR(MakeFolder(path));
  // Another command at the same time: the last rename wins, and no reader sees half a file.
  const std::string draft = absl::StrCat(path, ".", getpid());
  const int file = open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return Errno("write", draft);
  absl::Status status = WriteAll(file, WriteConfig(config), draft);
  close(file);
  if (status.ok() && rename(draft.c_str(), path.c_str()) != 0) status = Errno("write", path);
  if (!status.ok()) unlink(draft.c_str());
  return status;
}

}  // namespace spawner::cli
