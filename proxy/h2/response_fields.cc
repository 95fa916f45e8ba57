#include "proxy/h2/response_fields.h"

#include "absl/strings/ascii.h"
#include "proxy/h2/request_text.h"
#include "proxy/http/limits.h"

namespace spawner::proxy::h2 {

void FieldBlock::Clear(size_t name_bytes) {
  fields_.clear();
  names_.clear();
  if (names_.capacity() < name_bytes) names_.reserve(name_bytes);
}

absl::string_view FieldBlock::Lower(absl::string_view name) {
  const size_t from = names_.size();
  for (const char c : name) names_.push_back(absl::ascii_tolower(static_cast<unsigned char>(c)));
  return absl::string_view(names_).substr(from);
}

void FieldBlock::SetStatus(absl::string_view status) {
  Clear(0);
  fields_.emplace_back(":status", status);
}

void FieldBlock::SetResponse(const ResponseHead& head) {
  Clear(kHeadBytesMax);
  // As it was parsed: three digits, perhaps with a reason behind them.
  fields_.emplace_back(":status", head.status_and_reason.substr(0, 3));
  AddRegular(head);
}

void FieldBlock::SetUpgrade(const ResponseHead& head) {
  Clear(kHeadBytesMax);
  fields_.emplace_back(":status", "200");
  AddRegular(head);
  std::erase_if(fields_, [](const Pair& field) {
    return field.first == "sec-websocket-accept" || field.first == "content-length";
  });
}

void FieldBlock::AddRegular(const ResponseHead& head) {
  const bool nominates = head.fields.Has(FieldName::kConnection);
  for (const Field& field : head.fields.all()) {
    const absl::string_view name = Lower(field.name);
    // What was parsed is a token and a value already.
    if (RequestText::IsConnectionField(name)) continue;
    if (nominates && head.fields.ListHas(FieldName::kConnection, name)) continue;
    fields_.emplace_back(name, field.value);
  }
}

void FieldBlock::SetTrailers(absl::string_view lines) {
  Clear(lines.size());
  while (!lines.empty()) {
    const size_t end = lines.find("\r\n");
    const absl::string_view line = lines.substr(0, end);
    lines.remove_prefix(end == absl::string_view::npos ? lines.size() : end + 2);
    const size_t colon = line.find(':');
    if (colon == absl::string_view::npos) continue;
    const absl::string_view name = Lower(line.substr(0, colon));
    const absl::string_view value = absl::StripAsciiWhitespace(line.substr(colon + 1));
    if (name == "content-length" || !RequestText::IsGoodField(name, value)) continue;
    fields_.emplace_back(name, value);
  }
}

}  // namespace spawner::proxy::h2
