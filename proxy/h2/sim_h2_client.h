#ifndef SPAWNER_PROXY_H2_SIM_H2_CLIENT_H_
#define SPAWNER_PROXY_H2_SIM_H2_CLIENT_H_

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/address.h"
#include "proxy/io/io.h"
#include "proxy/io/stream.h"

namespace spawner::proxy::h2 {

// nghttp2's client on a socket of a simulated network, or without one: what it says is taken from
// it, what it hears is given to it. It sends what is malformed as well.
class SimH2Client final : public IoHandler {
 public:
  struct Reply {
    std::string head;  // "name: value\n": interim ones and trailers too
    std::string body;
    bool has_end = false;  // END_STREAM
    bool is_over = false;
    uint32_t code = 0;
  };
  using Fields = std::vector<std::pair<std::string, std::string>>;

  explicit SimH2Client(Io& io);
  ~SimH2Client() override;
  SimH2Client(const SimH2Client&) = delete;
  SimH2Client& operator=(const SimH2Client&) = delete;

  void Connect(const Address& address);

  // Without a body the request ends with its head.
  int32_t Request(Fields fields, std::optional<std::string> body = std::nullopt);
  int32_t Get(absl::string_view path, absl::string_view authority = "a");
  // A request whose body goes on until Finish.
  int32_t Open(Fields fields);
  void Append(int32_t id, absl::string_view bytes);
  void Finish(int32_t id, Fields trailers = {});
  void Reset(int32_t id, uint32_t code = NGHTTP2_CANCEL);
  // Bytes that no session would send.
  void SendRaw(absl::string_view bytes) { stream_.Write({bytes}); }
  void Close() { stream_.Close(); }
  // Lets the other side send again what was received and not acknowledged.
  void Consume(int32_t id, size_t count);

  // ---- without a socket ----
  std::string Output();
  void Hear(absl::string_view bytes);

  void OnIo(IoEvents events) override;
  void Pump();

  nghttp2_session* session() { return session_; }
  // Of a SETTINGS that came: its value.
  uint32_t Setting(nghttp2_settings_id id) {
    return nghttp2_session_get_remote_settings(session_, id);
  }
  std::map<int32_t, Reply> replies;
  std::vector<uint32_t> goaways;  // their codes
  bool consumes = true;           // acknowledges what it receives
  bool is_closed = false;         // by the other side
  bool reads = true;

 private:
  struct Body {
    std::string left;
    bool ends = false;
    Fields trailers;
  };
  struct Callbacks;

  Stream stream_;
  nghttp2_session* session_ = nullptr;
  std::map<int32_t, Body> bodies_;
};

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_SIM_H2_CLIENT_H_
