#include "tests/fuzz/api_message.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/unknown_field_set.h>

#include <iterator>
#include <limits>

#include "absl/strings/str_cat.h"

namespace spawner::fuzz {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr int kDepthMax = 12;  // of messages; Structs go deeper by themselves
constexpr int64_t kNumbers[] = {0,
                                1,
                                -1,
                                2,
                                8080,
                                65535,
                                65536,
                                1000,
                                1001,
                                86'400,
                                86'401,
                                999'999'999,
                                1'000'000'000,
                                std::numeric_limits<int32_t>::max(),
                                std::numeric_limits<int32_t>::min(),
                                315'576'000'000,
                                315'576'000'001,
                                std::numeric_limits<int64_t>::max(),
                                std::numeric_limits<int64_t>::min()};
constexpr double kReals[] = {0,
                             1,
                             -1,
                             0.5,
                             1e300,
                             std::numeric_limits<double>::infinity(),
                             std::numeric_limits<double>::quiet_NaN()};
constexpr absl::string_view kTexts[] = {"",
                                        "a",
                                        "ada",
                                        "team",
                                        "app",
                                        "image:1",
                                        "/bin/true",
                                        "key:a",
                                        "state=READY",
                                        "labels.a=b",
                                        "state=READY AND key:a AND labels.a=b",
                                        "AND",
                                        "spawner.dev/session",
                                        "PORT",
                                        "SPAWNER_KEY",
                                        "cpu",
                                        "memory",
                                        "500m",
                                        "10Gi",
                                        "-1",
                                        "1e999",
                                        "/data",
                                        "../..",
                                        "/healthz",
                                        "/poll/*",
                                        "*",
                                        "https://app.test",
                                        "https://*.app.test",
                                        "http://localhost:3000",
                                        "null",
                                        "{}",
                                        "namespaces/-",
                                        "namespaces/",
                                        "namespaces/team/sessions/",
                                        "namespaces/team/templates/t",
                                        "sessions",
                                        "0",
                                        "18446744073709551616",
                                        "\xd0\xba\xd0\xbb\xd1\x8e\xd1\x87",
                                        "\xe2\x80\xae",
                                        "a\nb",
                                        "a\rb: c",
                                        "%s%n",
                                        "metadata",
                                        "spec",
                                        "containers",
                                        "name",
                                        "ReadWriteOnce",
                                        "$patch",
                                        "delete"};
// What is valid, by the field's name; a map's key and value by the map's.
struct Good {
  absl::string_view field;
  absl::string_view texts[3];
};
constexpr Good kGood[] = {{"image", {"image:1", "image:2", "registry.test/a/b:c"}},
                          {"command", {"/bin/true", "/app", "app"}},
                          {"template", {"", "", "t"}},
                          {"env", {"MODE", "A", "B_C"}},
                          {"labels", {"team", "app", "tier"}},
                          {"requests", {"cpu", "memory", "500m"}},
                          {"limits", {"memory", "cpu", "10Gi"}},
                          {"allowed_origins", {"https://app.test", "https://*.app.test", ""}},
                          {"embed_origins", {"https://app.test", "http://localhost:3000", ""}},
                          {"ignore_paths", {"/healthz", "/poll/*", "/"}},
                          {"mount_path", {"/data", "/var/lib/a", "/d"}},
                          {"size", {"10Gi", "1Mi", "5G"}},
                          {"access_modes", {"ReadWriteOnce", "ReadWriteMany", "ReadOnlyMany"}},
                          {"filter", {"state=READY", "key:a", "labels.team=app"}},
                          {"user", {"ada", "bob", ""}},
                          {"owner", {"ada", "backend", "job-1"}},
                          {"tag", {"", "", "v1"}},
                          {"page_token", {"", "", "x"}},
                          {"resume_version", {"", "", "p-1"}},
                          {"request_id", {"r-1", "r-2", ""}},
                          {"proxy_id", {"proxy-0", "proxy-1", "fuzz"}},
                          {"proxy", {"proxy-0", "proxy-1", "fuzz"}},
                          {"ip", {"10.0.0.1", "127.0.0.1", "::1"}}};
constexpr absl::string_view kPlain[] = {"a", "b", "team"};  // keys, reasons, whatever has no form
constexpr int64_t kGoodNumbers[] = {1, 0, 8080, 60, 300, 2};
constexpr size_t kLengths[] = {63, 64, 128, 129, 256, 257, 1024, 1025, 2048, 5000};
constexpr size_t kDepths[] = {1, 3, 30, 64, 65, 99};
constexpr int kCounts[] = {1, 1, 2, 3, 8, 9, 32, 33};

std::string HostileText(Tape& tape) {
  switch (tape.Choose(4)) {
    case 0:
      return std::string(kLengths[tape.Choose(std::size(kLengths))], 'x');
    case 1:
      return std::string("a\0b", 3);
    case 2:
      return "\xff\xfe";  // no UTF-8: no protobuf string
    default:
      return tape.Text();
  }
}

// The name of the field, or of the map whose key or value it is.
std::string NameOf(const FieldDescriptor& field, absl::string_view map) {
  return map.empty() ? field.name() : std::string(map);
}

std::string GoodText(Tape& tape, const Names& names, const FieldDescriptor& field,
                     absl::string_view map) {
  const std::string name = NameOf(field, map);
  const std::string& message = field.containing_type()->full_name();
  const std::string parent = absl::StrCat("namespaces/", names.ns);
  if (name == "parent") return parent;
  if (name == "etag") return names.etag;
  if (name == "session_id") return names.session;
  if (name == "name" && message != "spawner.v1.SessionKey" && message != "spawner.v1.VolumeClaim") {
    return message.find("Template") != std::string::npos
               ? parent + "/templates/t"
               : absl::StrCat(parent, "/sessions/", names.session);
  }
  for (const Good& good : kGood) {
    if (good.field != name) continue;
    if (map.empty() || field.number() == 1) return std::string(good.texts[tape.Choose(3)]);
    return name == "requests" || name == "limits" ? "500m" : "x";
  }
  return std::string(kPlain[tape.Choose(std::size(kPlain))]);
}

std::string WildText(Tape& tape) {
  if (tape.Choose(2) == 0) return HostileText(tape);
  return std::string(kTexts[tape.Choose(std::size(kTexts))]);
}

// Objects and lists in turn, with a value in the middle.
void FillStruct(Tape& tape, const Names&, google::protobuf::Struct& out) {
  const auto key = [&tape] { return std::string(kTexts[tape.Choose(std::size(kTexts))]); };
  google::protobuf::Value* value = &(*out.mutable_fields())[key()];
  const size_t depth = kDepths[tape.Choose(std::size(kDepths))];
  for (size_t i = 1; i < depth; ++i) {
    value = i % 2 == 0 ? &(*value->mutable_struct_value()->mutable_fields())[key()]
                       : value->mutable_list_value()->add_values();
  }
  switch (tape.Choose(5)) {
    case 0:
      value->set_null_value(google::protobuf::NULL_VALUE);
      break;
    case 1:
      value->set_number_value(kReals[tape.Choose(std::size(kReals))]);
      break;
    case 2:
      value->set_string_value(HostileText(tape));
      break;
    case 3:
      value->set_bool_value(true);
      break;
    default:
      break;  // of no kind at all
  }
}

class Filler {
 public:
  // One request in four is wild in every field, the others in none, or in one here and there.
  Filler(Tape& tape, const Names& names)
      : tape_(tape), names_(names), is_wild_(tape.Choose(4) == 3), is_pure_(tape.Choose(2) == 0) {}

  void Fill(Message& message, int depth, absl::string_view map = "") {
    if (message.GetDescriptor()->full_name() == "google.protobuf.Struct") {
      auto& object = static_cast<google::protobuf::Struct&>(message);
      if (IsWild()) return FillStruct(tape_, names_, object);
      (*object.mutable_fields())["spec"].mutable_struct_value();
      return;
    }
    const Reflection& reflection = *message.GetReflection();
    for (int i = 0; i < message.GetDescriptor()->field_count() && !tape_.is_over(); ++i) {
      const FieldDescriptor& field = *message.GetDescriptor()->field(i);
      const bool is_message = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
      // An entry of a map has both.
      const bool is_needed = !map.empty() || IsAddressed(field);
      if (!is_needed && tape_.Choose(is_wild_ ? 3 : 2) == 0) continue;
      if (is_message && depth == kDepthMax) continue;
      if (!field.is_repeated()) {
        Set(message, field, depth, map);
        continue;
      }
      const int count = IsWild() ? kCounts[tape_.Choose(std::size(kCounts))] : 1;
      for (int n = count; n > 0; --n) Add(message, field, depth);
    }
    if (is_wild_ && tape_.Choose(32) == 31) {
      reflection.MutableUnknownFields(&message)->AddVarint(99, 1);
    }
  }

 private:
  bool IsWild() { return is_wild_ || (!is_pure_ && tape_.Choose(16) == 15); }
  // Without these a request says nothing.
  static bool IsAddressed(const FieldDescriptor& field) {
    return field.name() == "parent" || field.name() == "name" || field.name() == "image";
  }
  int64_t Number(const FieldDescriptor& field) {
    if (field.name() == "epoch" && tape_.Choose(2) == 0) return static_cast<int64_t>(names_.epoch);
    if (field.name() == "nanos" && !IsWild()) return 0;
    if (!IsWild()) return kGoodNumbers[tape_.Choose(std::size(kGoodNumbers))];
    return kNumbers[tape_.Choose(std::size(kNumbers))];
  }
  int Enum(const FieldDescriptor& field) {
    const size_t known = static_cast<size_t>(field.enum_type()->value_count());
    const size_t choice = tape_.Choose(IsWild() ? known + 2 : known);
    return choice < known ? field.enum_type()->value(static_cast<int>(choice))->number()
                          : (choice == known ? 77 : -1);
  }
  std::string Text(const FieldDescriptor& field, absl::string_view map) {
    return IsWild() ? WildText(tape_) : GoodText(tape_, names_, field, map);
  }
  void Set(Message& message, const FieldDescriptor& field, int depth, absl::string_view map) {
    const Reflection& at = *message.GetReflection();
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return Fill(*at.MutableMessage(&message, &field), depth + 1);
      case FieldDescriptor::CPPTYPE_STRING:
        return at.SetString(&message, &field, Text(field, map));
      case FieldDescriptor::CPPTYPE_BOOL:
        return at.SetBool(&message, &field, true);
      case FieldDescriptor::CPPTYPE_ENUM:
        return at.SetEnumValue(&message, &field, Enum(field));
      case FieldDescriptor::CPPTYPE_INT32:
        return at.SetInt32(&message, &field, static_cast<int32_t>(Number(field)));
      case FieldDescriptor::CPPTYPE_UINT32:
        return at.SetUInt32(&message, &field, static_cast<uint32_t>(Number(field)));
      case FieldDescriptor::CPPTYPE_INT64:
        return at.SetInt64(&message, &field, Number(field));
      case FieldDescriptor::CPPTYPE_UINT64:
        return at.SetUInt64(&message, &field, static_cast<uint64_t>(Number(field)));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return at.SetDouble(&message, &field, kReals[tape_.Choose(std::size(kReals))]);
      case FieldDescriptor::CPPTYPE_FLOAT:
        return at.SetFloat(&message, &field, 0.5F);
    }
  }
  void Add(Message& message, const FieldDescriptor& field, int depth) {
    const Reflection& at = *message.GetReflection();
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return Fill(*at.AddMessage(&message, &field), depth + 1,
                    field.is_map() ? absl::string_view(field.name()) : absl::string_view());
      case FieldDescriptor::CPPTYPE_STRING:
        return at.AddString(&message, &field, Text(field, ""));
      case FieldDescriptor::CPPTYPE_ENUM:
        return at.AddEnumValue(&message, &field, Enum(field));
      case FieldDescriptor::CPPTYPE_INT32:
        return at.AddInt32(&message, &field, static_cast<int32_t>(Number(field)));
      case FieldDescriptor::CPPTYPE_INT64:
        return at.AddInt64(&message, &field, Number(field));
      default:
        return;  // the contract repeats nothing else
    }
  }

  Tape& tape_;
  const Names& names_;
  const bool is_wild_;
  const bool is_pure_;
};

}  // namespace

uint8_t Tape::Byte() {
  if (left_ == 0) return 0;
  --left_;
  return *data_++;
}

std::string Tape::Text() {
  std::string text;
  for (size_t n = Choose(16); n > 0 && !is_over(); --n) text.push_back(static_cast<char>(Byte()));
  return text;
}

void Fill(Tape& tape, const Names& names, Message& message) {
  Filler(tape, names).Fill(message, 0);
}

}  // namespace spawner::fuzz
