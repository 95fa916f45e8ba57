#ifndef SPAWNER_PROXY_IO_BUFFER_H_
#define SPAWNER_PROXY_IO_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/strings/string_view.h"
#include "proxy/io/counter.h"

namespace spawner::proxy {

// Bytes that could not be dealt with at once: a partial head, or the rest of a blocked write.
// Owns no memory while empty, so an idle connection costs only the pointer here.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&&) = default;
  Buffer& operator=(Buffer&&) = default;

  bool empty() const { return block_ == nullptr; }
  size_t size() const { return empty() ? 0 : block_->end - block_->begin; }
  absl::string_view view() const {
    if (empty()) return {};
    return {block_->bytes() + block_->begin, size()};
  }

  // `held`: counts the memory until it is freed; null: nobody does. Outlives the buffer.
  void Append(absl::string_view bytes, Counter* held = nullptr);
  // Removes the first `count` bytes, at most size(). Frees the memory with the last one.
  void Consume(size_t count);
  void Clear() { block_.reset(); }

 private:
  // Its bytes follow it.
  struct Block {
    uint32_t begin;
    uint32_t end;  // > begin
    uint32_t capacity;
    Counter* held;

    char* bytes() { return reinterpret_cast<char*>(this + 1); }
  };
  struct FreeBlock {
    void operator()(Block* block) const {
      if (block->held != nullptr) block->held->Add(-int64_t{block->capacity});
      ::operator delete(block);
    }
  };
  using OwnedBlock = std::unique_ptr<Block, FreeBlock>;

  static OwnedBlock NewBlock(size_t capacity, Counter* held);
  void MakeRoom(size_t size, Counter* held);

  OwnedBlock block_;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_IO_BUFFER_H_
