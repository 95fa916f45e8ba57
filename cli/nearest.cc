#include "cli/nearest.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/match.h"

namespace spawner::cli {
namespace {

constexpr size_t kTypedMax = 64;  // longer words are no misspelt ones

// Levenshtein's: letters added, left out and exchanged.
size_t Distance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t exchanged = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = std::exchange(row[j + 1], std::min({row[j + 1] + 1, row[j] + 1, exchanged}));
    }
  }
  return row.back();
}

}  // namespace

std::string NearestTo(absl::string_view typed, const std::vector<std::string>& words) {
  if (typed.empty() || typed.size() > kTypedMax) return "";
  std::string nearest;
  size_t least = std::max<size_t>(typed.size() / 3, 1) + 1;
  for (const std::string& word : words) {
    const size_t distance =
        typed.size() > 2 && absl::StartsWith(word, typed) ? 1 : Distance(typed, word);
    if (distance >= least) continue;
    least = distance;
    nearest = word;
  }
  return nearest;
}

}  // namespace spawner::cli
