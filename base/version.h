#ifndef SPAWNER_BASE_VERSION_H_
#define SPAWNER_BASE_VERSION_H_

namespace spawner {

// Of all binaries of this tree: semantic version 2.0.0. Raised by hand with CHANGELOG.md.
inline constexpr char kVersion[] = "0.1.0";

}  // namespace spawner

#endif  // SPAWNER_BASE_VERSION_H_
