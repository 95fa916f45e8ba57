#include "controller/local/port_owner.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "controller/local/limits.h"

namespace spawner::local {
namespace {

namespace fs = std::filesystem;

constexpr char kListening[] = "0A";  // TCP_LISTEN, as /proc/net/tcp prints it
constexpr size_t kReadBytes = 256;   // a line has 150

// The sockets that listen at a port.
struct Listeners {
  bool is_exact = false;                // one at the very address
  std::vector<std::string> everywhere;  // inodes of those on every address
};

// proc(5): "sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode ...". The
// kernel lists those that listen first. To fill a buffer beyond them it goes through its table of
// all connections, half a million slots: so it is read line by line, up to the pod's own socket.
void ReadListeners(const char* file, const Address& address, Listeners& listeners) {
  in_addr ip{};
  if (inet_pton(AF_INET, address.ip.c_str(), &ip) != 1) return;
  const std::string v4 = absl::StrFormat("%08X", ip.s_addr);  // in the machine's byte order
  const std::string port = absl::StrFormat(":%04X", address.port);
  std::array<char, kReadBytes> buffer;
  std::ifstream table;
  table.rdbuf()->pubsetbuf(buffer.data(), buffer.size());  // before the file is open
  table.open(file);
  std::string line;
  for (size_t lines = 0; lines < kSocketsMax && std::getline(table, line); ++lines) {
    const std::vector<std::string> fields = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (lines == 0 || fields.size() < 10) continue;  // the heading
    if (fields[3] != kListening) return;
    if (!absl::EndsWith(fields[1], port)) continue;
    const std::string local = fields[1].substr(0, fields[1].size() - port.size());
    if (local.find_first_not_of('0') == std::string::npos) {
      listeners.everywhere.push_back(fields[9]);
    } else if (absl::EndsWith(local, v4)) {  // in tcp6 as ::ffff:a.b.c.d
      listeners.is_exact = true;
      return;
    }
  }
}

// The session of a process, by the sixth field of its stat; the second one is in parentheses and
// may hold anything.
std::optional<pid_t> SessionOf(const fs::path& process) {
  std::ifstream file(process / "stat");
  std::string text;
  std::getline(file, text);
  const size_t end = text.rfind(')');
  if (end == std::string::npos) return std::nullopt;
  const std::vector<std::string> fields =
      absl::StrSplit(text.substr(end + 1), ' ', absl::SkipEmpty());
  pid_t session = 0;
  if (fields.size() < 4 || !absl::SimpleAtoi(fields[3], &session)) return std::nullopt;
  return session;
}

bool HasSocket(const fs::path& process, const std::vector<std::string>& links) {
  std::error_code error;
  for (fs::directory_iterator fd(process / "fd", error), end; !error && fd != end;
       fd.increment(error)) {
    std::error_code gone;
    const std::string link = fs::read_symlink(fd->path(), gone).string();
    if (!gone && std::find(links.begin(), links.end(), link) != links.end()) return true;
  }
  return false;
}

}  // namespace

bool IsAnsweredByAnother(const Address& address, pid_t session) {
  Listeners listeners;
  for (const char* file : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    ReadListeners(file, address, listeners);
    if (listeners.is_exact) return false;
  }
  if (listeners.everywhere.empty()) return false;
  std::vector<std::string> links;
  for (const std::string& inode : listeners.everywhere) {
    links.push_back(absl::StrCat("socket:[", inode, "]"));
  }
  std::error_code error;
  for (fs::directory_iterator process("/proc", error), end; !error && process != end;
       process.increment(error)) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(process->path().filename().string()[0]))) {
      continue;
    }
    if (SessionOf(process->path()) == session && HasSocket(process->path(), links)) return false;
  }
  return !error;
}

bool SaysPortInUse(absl::string_view output) {
  // As strerror, Go, Rust and Java put it; as Node does.
  return absl::StrContains(absl::AsciiStrToLower(output), "address already in use") ||
         absl::StrContains(output, "EADDRINUSE");
}

}  // namespace spawner::local
