#include "proxy/h2/response_fields.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "proxy/h2/request_text.h"

namespace spawner::proxy::h2 {
namespace {

std::string Lower(absl::string_view name) { return absl::AsciiStrToLower(name); }

}  // namespace

FieldBlock ResponseFields(const ResponseHead& head) {
  FieldBlock block;
  block.emplace_back(":status", absl::StrCat(head.status));
  for (const Field& field : head.fields.all()) {
    std::string name = Lower(field.name);
    if (!RequestText::IsGoodField(name, field.value)) continue;
    if (head.fields.ListHas(FieldName::kConnection, name)) continue;
    block.emplace_back(std::move(name), std::string(field.value));
  }
  return block;
}

FieldBlock UpgradeFields(const ResponseHead& head) {
  FieldBlock block = ResponseFields(head);
  block.front().second = "200";
  std::erase_if(block, [](const auto& field) {
    return field.first == "sec-websocket-accept" || field.first == "content-length";
  });
  return block;
}

FieldBlock TrailerFields(absl::string_view lines) {
  FieldBlock block;
  while (!lines.empty()) {
    const size_t end = lines.find("\r\n");
    const absl::string_view line = lines.substr(0, end);
    lines.remove_prefix(end == absl::string_view::npos ? lines.size() : end + 2);
    const size_t colon = line.find(':');
    if (colon == absl::string_view::npos) continue;
    std::string name = Lower(line.substr(0, colon));
    const absl::string_view value = absl::StripAsciiWhitespace(line.substr(colon + 1));
    if (name == "content-length" || !RequestText::IsGoodField(name, value)) continue;
    block.emplace_back(std::move(name), std::string(value));
  }
  return block;
}

}  // namespace spawner::proxy::h2
