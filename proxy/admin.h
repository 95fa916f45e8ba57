#ifndef SPAWNER_PROXY_ADMIN_H_
#define SPAWNER_PROXY_ADMIN_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/address.h"
#include "base/clock.h"
#include "proxy/http/answer.h"
#include "proxy/http/head.h"
#include "proxy/io/io.h"
#include "proxy/io/timers.h"

namespace spawner::proxy {

// A small HTTP server on main's loop: one request per connection, GET and HEAD only.
// Thread: main. Owner: main.
class Admin final : public IoHandler {
 public:
  struct Request {
    absl::string_view path;   // without the query
    absl::string_view query;  // without '?'
    bool is_local = false;    // from a loopback address
    uint64_t ticket = 0;      // for Reply
  };
  // The answer to a GET; status 404 for what is not there. None: Reply follows.
  using Answerer = std::function<std::optional<Answer>(const Request& request)>;

  Admin(Io& io, Timers& timers, const Clock& clock, Answerer answerer);
  ~Admin() override;

  // Codes as Io::Listen.
  absl::StatusOr<Address> Listen(const Address& address);
  void OnIo(IoEvents events) override;
  // To a request that got no answer at once; it may have left meanwhile.
  void Reply(uint64_t ticket, const Answer& answer);
  // Destroys the connections that have closed. Once a turn.
  void Sweep();

 private:
  class Connection;

  Io& io_;
  Timers& timers_;
  const Clock& clock_;
  const Answerer answerer_;
  Socket listener_;
  std::vector<std::unique_ptr<Connection>> connections_;
  RequestHead request_;  // used again
  uint64_t tickets_ = 0;
};

// 127.0.0.0/8 or ::1, however it is written.
bool IsLoopback(absl::string_view ip);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ADMIN_H_
