#include "base/json.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "base/time_text.h"

namespace spawner {
namespace {

// nlohmann parses deep nesting without recursion but writes it with: so depth is bounded on entry.
bool IsTooDeep(absl::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kJsonDepthMax) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

// Keeps only where and why the text breaks: the parser proper says no more than that it did.
class FirstError final : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) override {
    position_ = position;
    return false;
  }

  size_t position() const { return position_; }

 private:
  size_t position_ = 0;
};

}  // namespace

absl::StatusOr<Json> ParseJson(absl::string_view text) {
  if (IsTooDeep(text)) {
    return absl::InvalidArgumentError(
        absl::StrCat("not JSON: nests more than ", kJsonDepthMax, " levels deep"));
  }
  Json document = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!document.is_discarded()) return document;
  if (text.empty()) return absl::InvalidArgumentError("not JSON: empty");
  FirstError first;
  Json::sax_parse(text.begin(), text.end(), &first);
  return absl::InvalidArgumentError(
      absl::StrCat("not JSON: breaks at byte ", first.position(), " of ", text.size()));
}

std::string JsonText(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

JsonReader::JsonReader(const Json& value, std::string path, absl::Status& error)
    : JsonReader(value.is_object() ? &value : nullptr, std::move(path), &error) {
  if (!value.is_object()) FailType(path_.empty() ? "document" : path_, value, "an object");
}

const Json* JsonReader::Find(const char* key) const {
  if (value_ == nullptr) return nullptr;
  const auto it = value_->find(key);
  return it == value_->end() || it->is_null() ? nullptr : &*it;
}

std::string JsonReader::PathOf(const char* key) const {
  return path_.empty() ? std::string(key) : absl::StrCat(path_, ".", key);
}

void JsonReader::Fail(const std::string& path, absl::string_view why) const {
  if (error_->ok()) *error_ = absl::InvalidArgumentError(absl::StrCat(path, ": ", why));
}

void JsonReader::FailType(const std::string& path, const Json& value,
                          absl::string_view wanted) const {
  Fail(path, absl::StrCat("is of type ", value.type_name(), ", not ", wanted));
}

JsonReader JsonReader::Object(const char* key) const {
  const Json* member = Find(key);
  if (member != nullptr && !member->is_object()) {
    FailType(PathOf(key), *member, "an object");
    member = nullptr;
  }
  return JsonReader(member, PathOf(key), error_);
}

std::vector<JsonReader> JsonReader::Objects(const char* key) const {
  std::vector<JsonReader> objects;
  const Json* member = Find(key);
  if (member == nullptr) return objects;
  if (!member->is_array()) {
    FailType(PathOf(key), *member, "an array");
    return objects;
  }
  objects.reserve(member->size());
  for (size_t i = 0; i < member->size(); ++i) {
    objects.push_back(JsonReader((*member)[i], absl::StrCat(PathOf(key), "[", i, "]"), *error_));
  }
  return objects;
}

std::string JsonReader::String(const char* key) const {
  const Json* member = Find(key);
  if (member == nullptr) return "";
  if (const auto* text = member->get_ptr<const std::string*>()) return *text;
  FailType(PathOf(key), *member, "a string");
  return "";
}

std::string JsonReader::RequiredString(const char* key) const {
  std::string text = String(key);
  if (text.empty()) Fail(PathOf(key), Has(key) ? "empty" : "missing");
  return text;
}

std::optional<int64_t> JsonReader::Int(const char* key) const {
  const Json* member = Find(key);
  if (member == nullptr) return std::nullopt;
  if (member->is_number_unsigned()) {
    const uint64_t value = *member->get_ptr<const uint64_t*>();
    if (value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return static_cast<int64_t>(value);
    }
    Fail(PathOf(key), "greater than any 64-bit integer");
  } else if (member->is_number_integer()) {
    return *member->get_ptr<const int64_t*>();
  } else {
    FailType(PathOf(key), *member, "an integer");
  }
  return std::nullopt;
}

int32_t JsonReader::Int32(const char* key) const {
  const int64_t value = Int(key).value_or(0);
  if (value >= std::numeric_limits<int32_t>::min() &&
      value <= std::numeric_limits<int32_t>::max()) {
    return static_cast<int32_t>(value);
  }
  Fail(PathOf(key), "does not fit in 32 bits");
  return 0;
}

bool JsonReader::Bool(const char* key) const {
  const Json* member = Find(key);
  if (member == nullptr) return false;
  if (const auto* value = member->get_ptr<const bool*>()) return *value;
  FailType(PathOf(key), *member, "a boolean");
  return false;
}

std::optional<absl::Time> JsonReader::Time(const char* key) const {
  const std::string text = String(key);
  if (text.empty()) return std::nullopt;
  const absl::StatusOr<absl::Time> time = ParseRfc3339(text);
  if (time.ok()) return *time;
  Fail(PathOf(key), time.status().message());
  return std::nullopt;
}

absl::Time JsonReader::RequiredTime(const char* key) const {
  const std::optional<absl::Time> time = Time(key);
  if (!time.has_value()) Fail(PathOf(key), "missing");
  return time.value_or(absl::UnixEpoch());
}

std::map<std::string, std::string> JsonReader::StringMap(const char* key) const {
  std::map<std::string, std::string> strings;
  const JsonReader object = Object(key);
  if (object.value_ == nullptr) return strings;
  for (auto it = object.value_->begin(); it != object.value_->end(); ++it) {
    if (const auto* text = it->get_ptr<const std::string*>()) {
      strings.emplace_hint(strings.end(), it.key(), *text);
    } else {
      FailType(object.PathOf(it.key().c_str()), *it, "a string");
    }
  }
  return strings;
}

std::vector<std::string> JsonReader::Strings(const char* key) const {
  std::vector<std::string> strings;
  const Json* member = Find(key);
  if (member == nullptr) return strings;
  if (!member->is_array()) {
    FailType(PathOf(key), *member, "an array");
    return strings;
  }
  for (size_t i = 0; i < member->size(); ++i) {
    if (const auto* text = (*member)[i].get_ptr<const std::string*>()) {
      strings.push_back(*text);
    } else {
      FailType(absl::StrCat(PathOf(key), "[", i, "]"), (*member)[i], "a string");
    }
  }
  return strings;
}

}  // namespace spawner
