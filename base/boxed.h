#ifndef SPAWNER_BASE_BOXED_H_
#define SPAWNER_BASE_BOXED_H_

#include <memory>
#include <optional>
#include <utility>

namespace spawner {

// std::optional with its value on the heap: 8 bytes where there is none. For what is seldom there
// in objects that there are many of.
template <typename T>
class Boxed {
 public:
  Boxed() = default;
  // Implicit, as std::optional's are.
  Boxed(std::nullopt_t) {}                                           // NOLINT
  Boxed(T value) : value_(std::make_unique<T>(std::move(value))) {}  // NOLINT
  Boxed(std::optional<T> value) {                                    // NOLINT
    if (value.has_value()) value_ = std::make_unique<T>(*std::move(value));
  }
  Boxed(const Boxed& other) { *this = other; }
  Boxed(Boxed&& other) noexcept = default;
  Boxed& operator=(const Boxed& other) {
    if (this != &other) value_ = other.has_value() ? std::make_unique<T>(*other) : nullptr;
    return *this;
  }
  Boxed& operator=(Boxed&& other) noexcept = default;

  bool has_value() const { return value_ != nullptr; }
  void reset() { value_.reset(); }
  // The value; a new one if there is none.
  T& Edit() {
    if (value_ == nullptr) value_ = std::make_unique<T>();
    return *value_;
  }
  // The value; an empty one if there is none.
  T value_or_empty() const { return value_ == nullptr ? T() : *value_; }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return value_.get(); }
  const T* operator->() const { return value_.get(); }

  friend bool operator==(const Boxed& a, const Boxed& b) {
    return a.has_value() == b.has_value() && (!a.has_value() || *a == *b);
  }
  friend bool operator==(const Boxed& a, std::nullopt_t) { return !a.has_value(); }
  friend bool operator==(const Boxed& a, const T& b) { return a.has_value() && *a == b; }

 private:
  std::unique_ptr<T> value_;
};

// None if `some` is empty.
template <typename T>
Boxed<T> BoxedIfAny(T some) {
  if (some.empty()) return std::nullopt;
  return some;
}

}  // namespace spawner

#endif  // SPAWNER_BASE_BOXED_H_
