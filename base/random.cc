#include "base/random.h"

#include <sys/random.h>

#include <array>
#include <utility>

#include "base/check.h"

namespace spawner {

uint64_t Random::Below(uint64_t bound) {
  if (bound == 0) return 0;
  return static_cast<uint64_t>((static_cast<unsigned __int128>(Next()) * bound) >> 64);
}

double Random::Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

std::string Random::Base32(int length) {
  std::string out;
  out.reserve(length);
  uint64_t bits = 0;
  for (int i = 0; i < length; ++i) {
    if (i % 12 == 0) bits = Next();
    out.push_back("abcdefghijklmnopqrstuvwxyz234567"[bits & 31]);
    bits >>= 5;
  }
  return out;
}

uint64_t SystemRandom::Next() {
  // 256 bytes are what getrandom(2) never gives less of.
  thread_local std::array<uint64_t, 32> values;
  thread_local size_t left = 0;
  if (left == 0) {
    SPAWNER_CHECK(getrandom(values.data(), sizeof values, 0) == sizeof values);
    left = values.size();
  }
  return std::exchange(values[--left], 0);
}

uint64_t SeededRandom::Next() {
  state_ += 0x9e3779b97f4a7c15;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace spawner
