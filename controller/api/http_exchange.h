#ifndef SPAWNER_CONTROLLER_API_HTTP_EXCHANGE_H_
#define SPAWNER_CONTROLLER_API_HTTP_EXCHANGE_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace spawner::api {

// A whole request, as it came: everything in it is from outside.
struct HttpRequest {
  std::string method;
  std::string target;  // "/backend/x/status?namespace=y"
  std::string host;
  std::string authorization;
  std::string content_type;
  std::string last_event_id;
  std::string peer;  // "10.0.0.7:5123"
  std::string body;

  absl::string_view path() const { return absl::string_view(target).substr(0, target.find('?')); }
};

struct HttpAnswer {
  int code = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};
};

// The HTTP port's one thread. Owners: the port, and what is still on its way back to it.
class HttpThread {
 public:
  using Timer = std::shared_ptr<void>;  // letting go of it cancels

  virtual ~HttpThread() = default;
  // Any thread. What is posted after the port's end is dropped.
  virtual void Post(std::function<void()> work) = 0;
  // On the thread itself.
  virtual Timer After(absl::Duration delay, std::function<void()> work) = 0;
};

// One request's way back to its client: either one answer, or a stream of events. What is said to a
// client that is gone goes nowhere.
// Thread: the port's. Two owners: the connection, and whoever works on the answer.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;
  virtual const HttpRequest& request() const = 0;

  // Once, and last.
  virtual void Answer(HttpAnswer answer) = 0;

  // Instead: text/event-stream. False: kHttpStreamsMax are open, and the client has been told so.
  // `gone` is called once, when the client has left or was cut off for not reading; not after End.
  virtual bool StartEvents(std::function<void()> gone) = 0;
  // More than kHttpStreamBytesMax that are not on the wire cut the client off.
  virtual void Send(absl::string_view bytes) = 0;
  virtual size_t queued_bytes() const = 0;
  // `wrote` is called whenever all that was sent is on the wire.
  virtual void OnWrote(std::function<void()> wrote) = 0;
  // After what has been sent.
  virtual void End() = 0;
};
using HttpExchangePtr = std::shared_ptr<HttpExchange>;

// Answers requests. Thread: the port's. Owner: the port's maker.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // Once, before the first request.
  virtual void Begin(std::shared_ptr<HttpThread> thread) = 0;
  virtual void Handle(const HttpExchangePtr& exchange) = 0;
  // No further request comes, and all connections are closed: `done` once no call is open.
  virtual void Finish(std::function<void()> done) = 0;
};

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_HTTP_EXCHANGE_H_
