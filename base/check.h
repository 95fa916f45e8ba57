#ifndef SPAWNER_BASE_CHECK_H_
#define SPAWNER_BASE_CHECK_H_

// CHECK(condition): ends the process with file, line and condition if our own logic is wrong.
// Always on. Never reachable from network or user input: those get a Status.
namespace spawner {

[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace spawner

#define SPAWNER_CHECK(condition)                     \
  (__builtin_expect(static_cast<bool>(condition), 1) \
       ? static_cast<void>(0)                        \
       : ::spawner::CheckFailed(__FILE__, __LINE__, #condition))

#ifdef NDEBUG
#define SPAWNER_DCHECK(condition) static_cast<void>(sizeof(static_cast<bool>(condition)))
#else
#define SPAWNER_DCHECK(condition) SPAWNER_CHECK(condition)
#endif

#endif  // SPAWNER_BASE_CHECK_H_
