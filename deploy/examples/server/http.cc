#include "deploy/examples/server/http.h"

#include <charconv>
#include <system_error>

namespace spawner::examples {

std::optional<std::string> Request::Query(std::string_view name) const {
  std::string_view rest = target;
  const size_t question = rest.find('?');
  rest = question == rest.npos ? std::string_view() : rest.substr(question + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(pair.size() + (pair.size() < rest.size() ? 1 : 0));
    const size_t equals = pair.find('=');
    if (pair.substr(0, equals) == name) {
      return std::string(equals == pair.npos ? std::string_view() : pair.substr(equals + 1));
    }
  }
  return std::nullopt;
}

std::optional<uint64_t> Request::Number(std::string_view name, uint64_t fallback,
                                        uint64_t max) const {
  const std::optional<std::string> text = Query(name);
  if (!text) {
    return fallback;
  }
  uint64_t value = 0;
  const char* const end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, value);
  if (error != std::errc() || stop != end || value > max) {
    return std::nullopt;
  }
  return value;
}

}  // namespace spawner::examples
