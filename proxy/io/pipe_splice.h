#ifndef SPAWNER_PROXY_IO_PIPE_SPLICE_H_
#define SPAWNER_PROXY_IO_PIPE_SPLICE_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "proxy/io/descriptors.h"
#include "proxy/io/splice.h"

namespace spawner::proxy {

// Pipes of the kernel. A few empty ones are kept for the next: making one costs 7 us, and a body
// needs one for as long as its reader is behind only.
// Thread: one loop's. Owner: EpollIo; lives as long as its splices.
class Pipes {
 public:
  // `descriptors`: where pipes in use are counted; null: nowhere.
  explicit Pipes(Descriptors* descriptors) : descriptors_(descriptors) {}
  ~Pipes();
  Pipes(const Pipes&) = delete;
  Pipes& operator=(const Pipes&) = delete;

  // Null: kPipesMax are in use, clients are about to be out of descriptors, or this kernel does not
  // splice sockets.
  std::unique_ptr<Splice> New();

 private:
  class PipeSplice;
  struct Pipe {
    int out = -1;  // to be read from
    int in = -1;
  };

  void GiveBack(Pipe pipe, bool is_empty);

  std::unique_ptr<Splice> Use(Pipe pipe);

  Descriptors* const descriptors_;
  std::vector<Pipe> spare_;
  size_t used_ = 0;
  bool is_supported_ = true;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_IO_PIPE_SPLICE_H_
