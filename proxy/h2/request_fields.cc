#include "proxy/h2/request_fields.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "proxy/h2/request_text.h"

namespace spawner::proxy::h2 {

OwnedFields RequestFields(const RequestHead& head) {
  OwnedFields block;
  block.reserve(head.fields.all().size() + 4);
  block.emplace_back(":method", head.method);
  block.emplace_back(":scheme", "http");
  if (!head.host.empty()) block.emplace_back(":authority", head.host);
  block.emplace_back(":path", head.path);
  for (const Field& field : head.fields.all()) {
    if (field.known == FieldName::kHost || field.known == FieldName::kTe) continue;
    std::string name = absl::AsciiStrToLower(field.name);
    if (!RequestText::IsGoodField(name, field.value)) continue;
    if (head.fields.ListHas(FieldName::kConnection, name)) continue;
    block.emplace_back(std::move(name), std::string(field.value));
  }
  block.emplace_back("te", "trailers");
  return block;
}

}  // namespace spawner::proxy::h2
