#include "proxy/io/buffer.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "base/check.h"

namespace spawner::proxy {

Buffer::OwnedBlock Buffer::NewBlock(size_t capacity, Counter* held) {
  SPAWNER_CHECK(capacity < UINT32_MAX / 2);
  void* const memory = ::operator new(sizeof(Block) + capacity);
  if (held != nullptr) held->Add(static_cast<int64_t>(capacity));
  return OwnedBlock(new (memory) Block{0, 0, static_cast<uint32_t>(capacity), held});
}

void Buffer::Append(absl::string_view bytes, Counter* held) {
  if (bytes.empty()) return;
  if (empty()) {
    block_ = NewBlock(bytes.size(), held);  // exactly what is needed the first time
  } else if (bytes.size() > block_->capacity - block_->end) {
    MakeRoom(bytes.size(), held);
  }
  std::memcpy(block_->bytes() + block_->end, bytes.data(), bytes.size());
  block_->end += static_cast<uint32_t>(bytes.size());
}

// Behind what is kept. A buffer that is never quite emptied stays as small as what it keeps: where
// a quarter is free, what is kept moves to the front.
void Buffer::MakeRoom(size_t size, Counter* held) {
  const absl::string_view kept = view();
  const size_t capacity = block_->capacity;
  if (kept.size() + size <= capacity - capacity / 4) {
    std::memmove(block_->bytes(), kept.data(), kept.size());
  } else {
    OwnedBlock grown = NewBlock(std::max(kept.size() + size, 2 * capacity), held);
    std::memcpy(grown->bytes(), kept.data(), kept.size());
    block_ = std::move(grown);
  }
  block_->begin = 0;
  block_->end = static_cast<uint32_t>(kept.size());
}

void Buffer::Consume(size_t count) {
  SPAWNER_DCHECK(count <= size());
  if (count == size()) return Clear();
  block_->begin += static_cast<uint32_t>(count);
}

}  // namespace spawner::proxy
