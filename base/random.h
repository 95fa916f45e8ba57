#ifndef SPAWNER_BASE_RANDOM_H_
#define SPAWNER_BASE_RANDOM_H_

#include <cstdint>
#include <string>

namespace spawner {

// Seam 2 of 4: all chance comes in here.
class Random {
 public:
  virtual ~Random() = default;
  virtual uint64_t Next() = 0;

  // Uniform in [0, bound); 0 for bound 0.
  uint64_t Below(uint64_t bound);
  // Uniform in [0, 1).
  double Unit();
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  // `length` characters of a-z2-7 (base32): 5 bits each, valid in DNS labels.
  std::string Base32(int length);
};

// The kernel's generator: fit for keys and ids. Asked for 256 bytes at a time, each thread its own;
// what was given is forgotten. Out of randomness is fatal.
class SystemRandom final : public Random {
 public:
  uint64_t Next() override;
};

// The same sequence for the same seed, on every machine (splitmix64). Never for secrets.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}
  uint64_t Next() override;

 private:
  uint64_t state_;
};

}  // namespace spawner

#endif  // SPAWNER_BASE_RANDOM_H_
