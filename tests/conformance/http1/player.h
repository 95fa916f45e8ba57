#ifndef SPAWNER_TESTS_CONFORMANCE_HTTP1_PLAYER_H_
#define SPAWNER_TESTS_CONFORMANCE_HTTP1_PLAYER_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "proxy/forward/sim_world.h"
#include "tests/conformance/http1/conversation.h"

namespace spawner::proxy {

// Plays one conversation through a worker, with every byte that either side sends cut into pieces
// of one size, each read by the worker before the next one leaves.
//   const std::string fault = Player(conversation, 3).Play();
class Player {
 public:
  // `fragment` 0: all at once.
  Player(const Conversation& conversation, size_t fragment);

  // Empty, or what went otherwise than the conversation says.
  std::string Play();

 private:
  std::string Do(const Step& step);
  std::string DoCommand(const Step& step);
  std::string DoSide(absl::string_view side, absl::string_view what);
  // Nothing more was said than the conversation says, and nothing is left behind.
  std::string CheckEnd();

  void Send(SimPeer& peer, absl::string_view bytes);
  void Settle();
  SimPeer* backend();  // the newest connection; null: none
  std::string ExpectAtBackend(absl::string_view bytes);
  std::string ExpectAtClient(absl::string_view bytes);
  std::string ExpectArrival();
  // An answer of the proxy's own; `closes`: the client is told so and the connection ends.
  std::string ExpectAnswer(absl::string_view status, bool closes);
  std::string ExpectEnd(bool is_clean);
  std::string ExpectBackendGone();
  std::string ExpectPart(SimPeer& peer);
  std::string DoOk();

  const Conversation& conversation_;
  const size_t fragment_;
  SimWorld world_;
  SimBackend listener_;
  SimPeer* client_ = nullptr;
  std::string sent_by_client_;   // since the last `arrives`
  std::string sent_by_backend_;  // since the last `passes`
  bool is_over_ = false;         // the client's connection has ended as expected
};

}  // namespace spawner::proxy

#endif  // SPAWNER_TESTS_CONFORMANCE_HTTP1_PLAYER_H_
