#ifndef SPAWNER_PROXY_LINK_USE_BOOK_H_
#define SPAWNER_PROXY_LINK_USE_BOOK_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "proxy/route/token_use.h"
#include "spawner/v1/proxy_link.pb.h"

namespace spawner::proxy {

// One-time tokens that workers wait with: each is asked for once, over the link there is. One that
// was on its way when the link broke may have been used up: nobody gets in with it.
// Thread: main. Owner: Link.
class UseBook {
 public:
  using Answered = std::pair<int, TokenUseAnswer>;  // worker, what to tell it

  // With `is_up` false, or kUsesMax waiting, the answer is there at once: kUnknown.
  void Add(int worker, uint64_t ticket, TokenUse use, bool is_up);
  void Answer(uint64_t sequence, bool is_first_use);
  // Everything that waits is answered: kUnknown.
  void LoseLink();

  bool IsDue() const { return !to_ask_.empty(); }
  std::optional<v1::UseToken> Take();
  std::vector<Answered> TakeAnswers() { return std::exchange(answers_, {}); }

 private:
  struct Waiting {
    int worker;
    uint64_t ticket;
  };

  uint64_t last_sequence_ = 0;
  absl::flat_hash_map<uint64_t, Waiting> waiting_;  // by sequence
  std::deque<v1::UseToken> to_ask_;
  std::vector<Answered> answers_;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_LINK_USE_BOOK_H_
