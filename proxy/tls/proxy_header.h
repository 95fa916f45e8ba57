#ifndef SPAWNER_PROXY_TLS_PROXY_HEADER_H_
#define SPAWNER_PROXY_TLS_PROXY_HEADER_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace spawner::proxy {

// The header of the PROXY protocol, version 1 or 2, with which a load balancer that passes on bytes
// says whose connection it is (haproxy.org, proxy-protocol.txt). Takes bytes as they come and never
// asks for one beyond the header: what follows belongs to TLS or HTTP.
//   while (header.wanted() > 0) header.Take(<at most wanted() bytes>);
//   if (header.is_valid()) ...
class ProxyHeader {
 public:
  // Bytes that certainly belong to the header and are missing yet; 0: complete, or invalid.
  size_t wanted() const { return wanted_; }
  // Does nothing with more than wanted(): the caller has taken what is not the header's.
  void Take(absl::string_view bytes);

  // Once nothing is wanted any more.
  bool is_valid() const { return wanted_ == 0 && why_ == nullptr; }
  const char* why() const { return why_; }
  // Numeric. Empty: the balancer speaks for itself (LOCAL, UNKNOWN), such as for a health check.
  const std::string& source_ip() const { return source_ip_; }

 private:
  void TakeText();
  void ParseText(absl::string_view line);
  void TakeBinary();
  void ParseBinary();
  void Refuse(const char* why);

  // 15 is the shortest line of version 1, and less than the 16 bytes that begin version 2.
  size_t wanted_ = 15;
  const char* why_ = nullptr;
  std::string bytes_;
  std::string source_ip_;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_TLS_PROXY_HEADER_H_
