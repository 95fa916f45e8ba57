#include "proxy/io/pipe_splice.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "proxy/io/limits.h"

namespace spawner::proxy {

class Pipes::PipeSplice final : public Splice {
 public:
  PipeSplice(Pipes& pipes, Pipe pipe) : pipes_(pipes), pipe_(pipe) {}
  ~PipeSplice() override { pipes_.GiveBack(pipe_, held_ == 0); }

  IoResult Fill(Socket from, size_t size) override {
    const IoResult result = Move(from.number, pipe_.in, size);
    if (result.is_bytes()) held_ += result.size;
    if (result.error == EINVAL) pipes_.is_supported_ = false;
    return result;
  }
  IoResult Drain(Socket to) override {
    size_t moved = 0;
    while (held_ > 0) {
      const IoResult result = Move(pipe_.out, to.number, held_);
      if (result.kind == IoResult::Kind::kBlocked) break;
      // The pipe is not at its end: it holds something.
      if (!result.is_bytes()) return {IoResult::Kind::kFailed, 0, result.error};
      held_ -= result.size;
      moved += result.size;
    }
    if (moved == 0) return {IoResult::Kind::kBlocked};
    return {IoResult::Kind::kBytes, moved};
  }
  size_t held() const override { return held_; }

 private:
  static IoResult Move(int from, int to, size_t size) {
    for (;;) {
      const ssize_t count =
          splice(from, nullptr, to, nullptr, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
      if (count > 0) return {IoResult::Kind::kBytes, static_cast<size_t>(count)};
      if (count == 0) return {IoResult::Kind::kEnd};
      if (errno == EAGAIN) return {IoResult::Kind::kBlocked};
      if (errno != EINTR) return {IoResult::Kind::kFailed, 0, errno};
    }
  }

  Pipes& pipes_;
  const Pipe pipe_;
  size_t held_ = 0;
};

Pipes::~Pipes() {
  for (const Pipe& pipe : spare_) {
    close(pipe.out);
    close(pipe.in);
  }
}

std::unique_ptr<Splice> Pipes::New() {
  if (!is_supported_ || used_ >= kPipesMax) return nullptr;
  if (descriptors_ != nullptr && !descriptors_->has_room_for_client()) return nullptr;
  if (!spare_.empty()) {
    const Pipe pipe = spare_.back();
    spare_.pop_back();
    return Use(pipe);
  }
  int ends[2];
  if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return nullptr;
  // Refused for who has many pipes already (pipe(7)): then it takes less at a time.
  fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(kSpliceBytesMax));
  return Use({ends[0], ends[1]});
}

std::unique_ptr<Splice> Pipes::Use(Pipe pipe) {
  ++used_;
  if (descriptors_ != nullptr) descriptors_->Opened(2);
  return std::make_unique<PipeSplice>(*this, pipe);
}

void Pipes::GiveBack(Pipe pipe, bool is_empty) {
  --used_;
  if (descriptors_ != nullptr) descriptors_->Closed(2);
  if (is_empty && spare_.size() < kSparePipesMax) {
    spare_.push_back(pipe);
    return;
  }
  close(pipe.out);
  close(pipe.in);
}

}  // namespace spawner::proxy
