#ifndef SPAWNER_CLI_OUTPUT_H_
#define SPAWNER_CLI_OUTPUT_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cli/times.h"
#include "google/protobuf/message.h"
#include "spawner/v1/admin.pb.h"
#include "spawner/v1/session.pb.h"

namespace spawner::cli {

enum class Format { kTable, kWide, kJson, kYaml, kName };

// INVALID_ARGUMENT says which there are.
absl::StatusOr<Format> ParseFormat(absl::string_view text);

// The proto3 JSON mapping, indented, with a line break at its end.
std::string ToJson(const google::protobuf::Message& message);
// On one line.
std::string ToJsonLine(const google::protobuf::Message& message);
std::string ToYaml(const google::protobuf::Message& message);

using Fact = std::pair<std::string, std::string>;  // its name and its value
// One object, its members in this order.
std::string ToJson(const std::vector<Fact>& facts);
std::string ToYaml(const std::vector<Fact>& facts);

// Columns as wide as their widest cell, two spaces between; the first row is the heading. Cells of
// the column "STATE" are coloured if `use_colour`. Cells are made printable.
std::string ToTable(const std::vector<std::vector<std::string>>& rows, bool use_colour);

// Without control characters, which would move a terminal's cursor: "a\x1b" for those.
std::string Printable(absl::string_view text);

// "-" for what is empty.
std::string OrDash(const std::string& text);

// The id of "namespaces/x/sessions/id".
std::string IdOf(const v1::Session& session);
// Rows of ToTable with their heading.
std::vector<std::vector<std::string>> SessionRows(const std::vector<v1::Session>& sessions,
                                                  bool is_wide, absl::Time now);
// One fact a line, for people.
std::string Describe(const v1::Session& session, absl::Time now);
std::string DescribeStatus(const v1::GetStatusResponse& status, absl::Time now);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_OUTPUT_H_
