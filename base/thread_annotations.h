#ifndef SPAWNER_BASE_THREAD_ANNOTATIONS_H_
#define SPAWNER_BASE_THREAD_ANNOTATIONS_H_

#include <mutex>

// A std::mutex that clang's thread-safety analysis knows. Not absl::Mutex: ThreadSanitizer can't
// see the one inside Debian's uninstrumented library (facts/build.md).
#if defined(__clang__)
#define SPAWNER_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define SPAWNER_THREAD_ATTRIBUTE(x)
#endif
#define SPAWNER_GUARDED_BY(m) SPAWNER_THREAD_ATTRIBUTE(guarded_by(m))
#define SPAWNER_REQUIRES(m) SPAWNER_THREAD_ATTRIBUTE(requires_capability(m))

namespace spawner {

class SPAWNER_THREAD_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  void lock() SPAWNER_THREAD_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void unlock() SPAWNER_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

class SPAWNER_THREAD_ATTRIBUTE(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) SPAWNER_THREAD_ATTRIBUTE(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() SPAWNER_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace spawner

#endif  // SPAWNER_BASE_THREAD_ANNOTATIONS_H_
