#ifndef SPAWNER_PROXY_H2_SIM_H2_BACKEND_H_
#define SPAWNER_PROXY_H2_SIM_H2_BACKEND_H_

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/address.h"
#include "proxy/io/io.h"
#include "proxy/io/sim_io.h"
#include "proxy/io/stream.h"

namespace spawner::proxy::h2 {

// A backend of a simulated network that speaks HTTP/2 as nghttp2's server does, and does with each
// request what a test tells it.
class SimH2Backend final : public IoHandler {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  struct Request {
    std::string head;      // "name: value\n"
    std::string trailers;  // likewise
    std::string body;
    bool has_head = false;
    bool has_end = false;  // END_STREAM
    bool is_over = false;
    uint32_t code = 0;  // of its end
    // The response's.
    std::string to_send;
    Fields trailers_to_send;
    bool ends = false;
    bool is_deferred = false;
  };

  class Connection final : public IoHandler {
   public:
    Connection(SimH2Backend& backend, Socket socket);
    ~Connection() override;
    void OnIo(IoEvents events) override;
    void Flush();
    void Close() { stream.Close(); }
    // Without settings the client does not take it for HTTP/2.
    void SendSettings();
    void Head(int32_t id, const Fields& fields, bool ends = false);
    void Data(int32_t id, absl::string_view bytes, bool ends = false, Fields trailers = {});
    void Reset(int32_t id, uint32_t code);
    // RFC 9113 6.8: streams above `last_id` were not looked at.
    void GoAway(int32_t last_id);
    // `size` more of a body may come.
    void Consume(int32_t id, size_t size);

    SimH2Backend& backend;
    Stream stream;
    nghttp2_session* session = nullptr;
    std::map<int32_t, Request> requests;
    uint64_t pings = 0;
    bool has_settings = false;
    bool is_receiving = false;
    bool has_goaway = false;
    bool has_ended = false;  // the client has closed it
  };

  SimH2Backend(SimIo& io, const Address& address);
  ~SimH2Backend() override { StopListening(); }
  void StopListening();
  void OnIo(IoEvents events) override;

  // Called with each head and each piece of a body.
  std::function<void(Connection&, int32_t id, Request&)> on_request;
  uint32_t streams_max = 100;
  bool sends_settings = true;
  bool consumes = true;  // what it reads of bodies

  SimIo& io;
  Address address;
  std::vector<std::unique_ptr<Connection>> connections;

 private:
  Socket listener_;
};

// Answers whole requests: 200 with the request's body, or `body` if it has none.
std::function<void(SimH2Backend::Connection&, int32_t, SimH2Backend::Request&)> Echoing(
    std::string body);

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_SIM_H2_BACKEND_H_
