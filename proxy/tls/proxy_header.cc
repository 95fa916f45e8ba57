#include "proxy/tls/proxy_header.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "proxy/tls/limits.h"

namespace spawner::proxy {
namespace {

constexpr absl::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr size_t kBinaryHeadBytes = 16;
constexpr uint8_t kCrc32c = 0x03;

uint8_t ByteAt(absl::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }

size_t ShortAt(absl::string_view bytes, size_t at) {
  return static_cast<size_t>(ByteAt(bytes, at)) << 8 | ByteAt(bytes, at + 1);
}

bool IsIp(int family, absl::string_view text) {
  if (text.find('\0') != absl::string_view::npos) return false;  // where inet_pton stops
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(family, std::string(text).c_str(), bytes) == 1;
}

// Decimal, no sign, no leading zero.
bool IsPort(absl::string_view text) {
  uint32_t port = 0;
  return !text.empty() && text.size() <= 5 && (text.size() == 1 || text.front() != '0') &&
         text.find_first_not_of("0123456789") == absl::string_view::npos &&
         absl::SimpleAtoi(text, &port) && port <= 65535;
}

std::string IpText(int family, absl::string_view bytes) {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(family, bytes.data(), text, sizeof(text));
}

// RFC 3720 B.4, bit by bit: a few hundred bytes once a connection.
uint32_t Crc32c(absl::string_view bytes) {
  uint32_t crc = 0xffffffff;
  for (const char byte : bytes) {
    crc ^= static_cast<uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc;
}

}  // namespace

void ProxyHeader::Refuse(const char* why) {
  why_ = why;
  wanted_ = 0;
  bytes_ = std::string();
}

void ProxyHeader::Take(absl::string_view bytes) {
  if (bytes.size() > wanted_) return Refuse("more than the header was taken");
  wanted_ -= bytes.size();
  bytes_.append(bytes.data(), bytes.size());
  // What begins like neither is told at once: a client may wait for an answer.
  const size_t begun = std::min(bytes_.size(), kSignature.size());
  const bool is_binary = absl::string_view(bytes_).substr(0, begun) == kSignature.substr(0, begun);
  const absl::string_view text = "PROXY ";
  if (!is_binary &&
      bytes_.compare(0, text.size(), text.data(), std::min(begun, text.size())) != 0) {
    return Refuse("it does not begin with a PROXY header");
  }
  if (wanted_ > 0) return;
  is_binary ? TakeBinary() : TakeText();
}

// How much of the line is missing at least: addresses and ports have a shortest form.
void ProxyHeader::TakeText() {
  if (absl::EndsWith(bytes_, "\r\n")) return ParseText(bytes_);
  if (bytes_.find('\n') != std::string::npos) return Refuse("a line end within its line");
  size_t least = bytes_.back() == '\r' ? 1 : 2;
  if (const bool is_v4 = absl::StartsWith(bytes_, "PROXY TCP4 ");
      is_v4 || absl::StartsWith(bytes_, "PROXY TCP6 ")) {
    // "PROXY TCP4 SOURCE TARGET PORT PORT\r\n"
    const auto spaces = std::count(bytes_.begin(), bytes_.end(), ' ');
    const size_t target = is_v4 ? 8 : 3;  // " 1.1.1.1", " ::"
    if (spaces == 2) least += target + 4;
    if (spaces == 3) least += 4;
    if (spaces == 4) least += 2;
  }
  if (bytes_.size() + least > kProxyHeaderV1BytesMax) return Refuse("its line is too long");
  wanted_ = least;
}

void ProxyHeader::ParseText(absl::string_view line) {
  line.remove_suffix(2);
  if (line == "PROXY UNKNOWN" || absl::StartsWith(line, "PROXY UNKNOWN ")) {
    bytes_ = std::string();
    return;
  }
  const std::vector<absl::string_view> parts = absl::StrSplit(line, ' ');
  if (parts.size() != 6 || (parts[1] != "TCP4" && parts[1] != "TCP6")) {
    return Refuse("its line is not of the form PROXY TCP4 SOURCE TARGET PORT PORT");
  }
  const int family = parts[1] == "TCP4" ? AF_INET : AF_INET6;
  if (!IsIp(family, parts[2]) || !IsIp(family, parts[3])) return Refuse("an address is invalid");
  if (!IsPort(parts[4]) || !IsPort(parts[5])) return Refuse("a port is invalid");
  source_ip_ = std::string(parts[2]);
  bytes_ = std::string();
}

void ProxyHeader::TakeBinary() {
  if (bytes_.size() < kBinaryHeadBytes) {
    wanted_ = kBinaryHeadBytes - bytes_.size();
    return;
  }
  const size_t size = kBinaryHeadBytes + ShortAt(bytes_, 14);
  if (size > kProxyHeaderV2BytesMax) return Refuse("it is too long");
  wanted_ = size - bytes_.size();
  if (wanted_ == 0) ParseBinary();
}

void ProxyHeader::ParseBinary() {
  const uint8_t command = ByteAt(bytes_, 12);
  const uint8_t family = ByteAt(bytes_, 13);
  if (command != 0x20 && command != 0x21) return Refuse("its version or command is unknown");
  size_t addresses = 0;
  switch (family) {
    case 0x00:  // unspecified
      break;
    case 0x11:  // TCP over IPv4
      addresses = 12;
      break;
    case 0x21:  // TCP over IPv6
      addresses = 36;
      break;
    default:  // datagrams, UNIX sockets: not how a client of ours gets here
      if (command == 0x21) return Refuse("its address family is not TCP");
  }
  absl::string_view rest = absl::string_view(bytes_).substr(kBinaryHeadBytes);
  if (command == 0x20) {  // LOCAL: whatever is said of addresses is to be ignored
    bytes_ = std::string();
    return;
  }
  if (rest.size() < addresses) return Refuse("its addresses are cut off");
  if (family == 0x11) source_ip_ = IpText(AF_INET, rest);
  if (family == 0x21) source_ip_ = IpText(AF_INET6, rest);
  if (family != 0x00) rest.remove_prefix(addresses);
  while (family != 0x00 && !rest.empty()) {
    if (rest.size() < 3 || rest.size() - 3 < ShortAt(rest, 1)) return Refuse("a TLV is cut off");
    const size_t length = ShortAt(rest, 1);
    if (ByteAt(rest, 0) == kCrc32c) {
      if (length != 4) return Refuse("its checksum is not of 4 bytes");
      const uint32_t told = static_cast<uint32_t>(ShortAt(rest, 3) << 16 | ShortAt(rest, 5));
      std::string zeroed = bytes_;
      zeroed.replace(static_cast<size_t>(rest.data() - bytes_.data()) + 3, 4, 4, '\0');
      if (Crc32c(zeroed) != told) return Refuse("its checksum is wrong");
    }
    rest.remove_prefix(3 + length);
  }
  bytes_ = std::string();
}

}  // namespace spawner::proxy
