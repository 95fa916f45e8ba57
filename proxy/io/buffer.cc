#include "proxy/io/buffer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace spawner::proxy {

void Buffer::Append(absl::string_view bytes) {
  if (bytes.empty()) return;
  if (bytes.size() > capacity_ - end_) {
    const size_t needed = size() + bytes.size();
    SPAWNER_CHECK(needed < UINT32_MAX / 2);
    // Exactly what is needed the first time; doubled if it keeps growing.
    const size_t capacity = capacity_ == 0 ? needed : std::max<size_t>(needed, 2 * capacity_);
    std::unique_ptr<char[]> grown(new char[capacity]);
    if (!empty()) std::memcpy(grown.get(), bytes_.get() + begin_, size());
    end_ = static_cast<uint32_t>(size());
    begin_ = 0;
    capacity_ = static_cast<uint32_t>(capacity);
    bytes_ = std::move(grown);
  }
  std::memcpy(bytes_.get() + end_, bytes.data(), bytes.size());
  end_ += static_cast<uint32_t>(bytes.size());
}

void Buffer::Consume(size_t count) {
  SPAWNER_DCHECK(count <= size());
  begin_ += static_cast<uint32_t>(count);
  if (begin_ != end_) return;
  bytes_.reset();
  begin_ = end_ = capacity_ = 0;
}

}  // namespace spawner::proxy
