#ifndef SPAWNER_PROXY_ADMIN_H_
#define SPAWNER_PROXY_ADMIN_H_

#include <functional>
#include <memory>
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
  // The answer to GET `path`; status 404 for what is not there.
  using Answerer = std::function<Answer(absl::string_view path)>;

  Admin(Io& io, Timers& timers, const Clock& clock, Answerer answerer);
  ~Admin() override;

  // Codes as Io::Listen.
  absl::StatusOr<Address> Listen(const Address& address);
  void OnIo(IoEvents events) override;
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
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ADMIN_H_
