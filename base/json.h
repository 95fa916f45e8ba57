#ifndef SPAWNER_BASE_JSON_H_
#define SPAWNER_BASE_JSON_H_

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// JSON from outside, read without exceptions. nlohmann's own accessors (at, get, operator[] on what
// may not be an object) throw: outside of base/json.cc read through JsonReader or test the type
// first.
namespace spawner {

using Json = nlohmann::json;

inline constexpr int kJsonDepthMax = 100;  // levels; Kubernetes' objects have some 20

// INVALID_ARGUMENT says where the text breaks, or that it nests more than kJsonDepthMax deep.
absl::StatusOr<Json> ParseJson(absl::string_view text);

// On one line. Bytes that are not UTF-8 become U+FFFD: never throws.
std::string JsonText(const Json& value);

// One object of a document and its path in it. Absent and null members read as empty. The first
// member that is missing or of a wrong type is noted in `error` with its path; later ones are not.
//   absl::Status error;
//   JsonReader pod(document, "", error);
//   name = pod.Object("metadata").RequiredString("name");
//   RETURN_IF_ERROR(error);  // "metadata.name: missing"
// `value` and `error` outlive the reader and all that it gives out.
class JsonReader {
 public:
  JsonReader(const Json& value, std::string path, absl::Status& error);

  // Present and not null; of any type.
  bool Has(const char* key) const { return Find(key) != nullptr; }

  JsonReader Object(const char* key) const;
  std::vector<JsonReader> Objects(const char* key) const;  // of an array
  std::string String(const char* key) const;
  std::string RequiredString(const char* key) const;  // not empty
  std::optional<int64_t> Int(const char* key) const;
  int32_t Int32(const char* key) const;  // 0 if absent
  bool Bool(const char* key) const;
  std::optional<absl::Time> Time(const char* key) const;  // RFC 3339
  absl::Time RequiredTime(const char* key) const;
  std::map<std::string, std::string> StringMap(const char* key) const;
  std::vector<std::string> Strings(const char* key) const;  // of an array

 private:
  JsonReader(const Json* value, std::string path, absl::Status* error)
      : value_(value), path_(std::move(path)), error_(error) {}
  // Null if this is no object, or has no such member, or that is null.
  const Json* Find(const char* key) const;
  std::string PathOf(const char* key) const;
  void Fail(const std::string& path, absl::string_view why) const;
  void FailType(const std::string& path, const Json& value, absl::string_view wanted) const;

  const Json* value_;  // an object, or null: reads as empty
  std::string path_;   // "" at the root
  absl::Status* error_;
};

}  // namespace spawner

#endif  // SPAWNER_BASE_JSON_H_
