#ifndef SPAWNER_CONTROLLER_CORE_PER_NAMESPACE_H_
#define SPAWNER_CONTROLLER_CORE_PER_NAMESPACE_H_

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace spawner::core {

// A limit that each namespace has, and that some have for themselves; 0: no limit. A value.
//   PerNamespace<int64_t> sessions(10, {{"team-a", 50}});
template <typename T>
struct PerNamespace {
  PerNamespace(T a_each = 0,  // NOLINT(google-explicit-constructor): a number is one for each
               std::map<std::string, T> an_own = {})
      : each(a_each), own(std::move(an_own)) {}

  T Of(const std::string& ns) const {
    const auto found = own.find(ns);
    return found == own.end() ? each : found->second;
  }
  bool HasAny() const {
    return each > 0 ||
           std::any_of(own.begin(), own.end(), [](const auto& entry) { return entry.second > 0; });
  }

  T each;
  std::map<std::string, T> own;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_PER_NAMESPACE_H_
