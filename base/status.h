#ifndef SPAWNER_BASE_STATUS_H_
#define SPAWNER_BASE_STATUS_H_

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// Error values. A message says what was tried, on what, why it failed, and what to do next.
//   RETURN_IF_ERROR(Open(path));
//   ASSIGN_OR_RETURN(Pod pod, DecodePod(line));
#define RETURN_IF_ERROR(expression)                                                       \
  do {                                                                                    \
    if (::absl::Status status_of_expression = (expression); !status_of_expression.ok()) { \
      return status_of_expression;                                                        \
    }                                                                                     \
  } while (false)

#define SPAWNER_CONCAT_INNER(a, b) a##b
#define SPAWNER_CONCAT(a, b) SPAWNER_CONCAT_INNER(a, b)
#define ASSIGN_OR_RETURN(declaration, expression) \
  SPAWNER_ASSIGN_OR_RETURN(SPAWNER_CONCAT(status_or_, __LINE__), declaration, expression)
#define SPAWNER_ASSIGN_OR_RETURN(temporary, declaration, expression) \
  auto temporary = (expression);                                     \
  if (!temporary.ok()) {                                             \
    return std::move(temporary).status();                            \
  }                                                                  \
  declaration = *std::move(temporary)

namespace spawner {

// The same code with `context` and ": " before the message; OK stays OK. Payloads are kept.
absl::Status Annotate(const absl::Status& status, absl::string_view context);

// What a program needs of an error, beside its message: one entry of ErrorInfo.metadata.
struct Detail {
  Detail(absl::string_view its_name, const absl::AlphaNum& its_value)
      : name(its_name), value(its_value.Piece()) {}
  absl::string_view name;  // lower snake_case, as docs/api.md lists it
  std::string value;
};

// The machine-readable cause of an error: google.rpc.ErrorInfo.reason of api.md ("KEY_NOT_HELD"),
// and its metadata. Carried as payloads, so that both survive Annotate and StatusOr.
//   WithReason(absl::NotFoundError(...), "KEY_NOT_HELD", {{"namespace", ns}, {"key", key}})
absl::Status WithReason(absl::Status status, absl::string_view reason,
                        std::initializer_list<Detail> details = {});
// Empty if the status carries none.
std::string ReasonOf(const absl::Status& status);
// One more entry, or another value of one.
absl::Status WithDetail(absl::Status status, const Detail& detail);
// By name. Empty if the status carries none.
std::map<std::string, std::string> DetailsOf(const absl::Status& status);

// How long the caller should wait before another try (google.rpc.RetryInfo, HTTP Retry-After).
absl::Status WithRetryAfter(absl::Status status, absl::Duration delay);
std::optional<absl::Duration> RetryAfterOf(const absl::Status& status);

// INVALID_ARGUMENT / INVALID_FIELD: "FIELD: why". The metadata has `field`, as of UnsupportedField.
absl::Status InvalidField(absl::string_view field, absl::string_view why);
// UNIMPLEMENTED, naming the field: a field that is not there yet is refused, never ignored.
absl::Status UnsupportedField(absl::string_view field);

}  // namespace spawner

#endif  // SPAWNER_BASE_STATUS_H_
