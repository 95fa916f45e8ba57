#include "proxy/http/body_scanner.h"

#include <algorithm>

#include "proxy/http/chars.h"
#include "proxy/http/limits.h"

namespace spawner::proxy {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

BodyScanner::BodyScanner(BodyFraming framing, bool (*refuses)(absl::string_view))
    : kind_(framing.kind),
      is_done_(!framing.has_body()),
      left_(framing.kind == BodyKind::kLength ? framing.length : 0),
      refuses_(refuses) {}

BodyScanner::Result BodyScanner::Scan(absl::string_view bytes, std::string* payload,
                                      std::string* trailers) {
  if (is_done_) return {};
  if (kind_ == BodyKind::kUntilClose) {
    if (payload != nullptr) payload->append(bytes.data(), bytes.size());
    return {bytes.size()};
  }
  size_t taken = 0;
  while (taken < bytes.size() && !is_done_) {
    if (kind_ == BodyKind::kLength || chunk_ == Chunk::kData) {
      const size_t count = std::min<uint64_t>(left_, bytes.size() - taken);
      if (payload != nullptr) payload->append(bytes.data() + taken, count);
      taken += count;
      left_ -= count;
      if (left_ > 0) break;
      EndPayload();
      continue;
    }
    const bool is_trailer = chunk_ >= Chunk::kTrailerStart;
    if (!StepChunked(bytes[taken])) return {taken, false};
    if (is_trailer && trailers != nullptr) trailers->push_back(bytes[taken]);
    ++taken;
  }
  return {taken};
}

void BodyScanner::EndPayload() {
  if (kind_ == BodyKind::kLength) {
    is_done_ = true;
  } else {
    chunk_ = Chunk::kDataCr;
  }
}

bool BodyScanner::StepChunked(char c) {
  switch (chunk_) {
    case Chunk::kSize:
      return StepSize(c);
    case Chunk::kExtension:
      if (c == '\r') {
        chunk_ = Chunk::kSizeLf;
        return true;
      }
      return Is(c, kValueChar) && ++counted_ <= kChunkExtensionBytesMax;
    case Chunk::kSizeLf:
      chunk_ = left_ == 0 ? Chunk::kTrailerStart : Chunk::kData;
      counted_ = 0;
      return c == '\n';
    case Chunk::kData:
      return false;  // Scan takes these
    case Chunk::kDataCr:
      chunk_ = Chunk::kDataLf;
      return c == '\r';
    case Chunk::kDataLf:
      chunk_ = Chunk::kSize;
      digits_ = 0;
      return c == '\n';
    case Chunk::kTrailerStart:
    case Chunk::kTrailerName:
    case Chunk::kTrailerValue:
    case Chunk::kTrailerLf:
      return StepTrailer(c);
    case Chunk::kLastLf:
      is_done_ = true;
      return c == '\n';
  }
  return false;
}

bool BodyScanner::StepSize(char c) {
  if (const int value = HexValue(c); value >= 0) {
    left_ = left_ * 16 + static_cast<uint64_t>(value);
    return ++digits_ <= kChunkSizeDigitsMax;
  }
  if (digits_ == 0) return false;
  counted_ = 0;
  if (c == ';') {
    chunk_ = Chunk::kExtension;
    return true;
  }
  chunk_ = Chunk::kSizeLf;
  return c == '\r';
}

bool BodyScanner::StepTrailer(char c) {
  if (++counted_ > kTrailerBytesMax) return false;
  switch (chunk_) {
    case Chunk::kTrailerStart:
      if (c == '\r') {
        chunk_ = Chunk::kLastLf;
        return true;
      }
      chunk_ = Chunk::kTrailerName;
      name_size_ = 0;
      [[fallthrough]];
    case Chunk::kTrailerName:
      if (c == ':') return EndTrailerName();
      if (name_size_ < sizeof(name_)) name_[name_size_++] = c;
      return Is(c, kTokenChar);
    case Chunk::kTrailerValue:
      if (c == '\r') {
        chunk_ = Chunk::kTrailerLf;
        return true;
      }
      return Is(c, kValueChar);
    case Chunk::kTrailerLf:
      chunk_ = Chunk::kTrailerStart;
      return c == '\n';
    default:
      return false;
  }
}

bool BodyScanner::EndTrailerName() {
  if (name_size_ == 0) return false;
  chunk_ = Chunk::kTrailerValue;
  return refuses_ == nullptr || !refuses_({name_, name_size_});
}

}  // namespace spawner::proxy
