#ifndef SPAWNER_TESTS_BENCH_SOCKETS_H_
#define SPAWNER_TESTS_BENCH_SOCKETS_H_

#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// Sockets of the benchmark's programs: TCP over loopback, never blocking, no delay.
namespace spawner::bench {

// Owns a descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int number) : number_(number) {}
  Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { Close(); }

  int get() const { return number_; }
  bool is_open() const { return number_ >= 0; }
  void Close();

 private:
  int number_ = -1;
};

// "WHAT: why" of an errno. UNAVAILABLE.
absl::Status ErrnoStatus(int error, absl::string_view what);

// Listens on every address of loopback (127.0.0.0/8) and on no other interface. Port 0: any.
absl::StatusOr<Fd> ListenOnLoopback(uint16_t port);
uint16_t PortOf(const Fd& listener);

// The next connection; not open if none waits.
Fd Accept(const Fd& listener);
// A connection under way to 127.0.0.1; not open, with errno set, if it was refused at once.
Fd Dial(uint16_t port);
// The errno that ended an attempt of Dial, 0 if it is connected.
int ConnectError(const Fd& socket);

// For main(): as many descriptors as we may have, no death by SIGPIPE, and waits that are exact.
void PrepareProcess();

}  // namespace spawner::bench

#endif  // SPAWNER_TESTS_BENCH_SOCKETS_H_
