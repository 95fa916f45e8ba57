#include "base/status.h"

#include <gtest/gtest.h>

namespace spawner {
namespace {

absl::StatusOr<int> Half(int n) {
  if (n % 2 != 0) return absl::InvalidArgumentError("odd");
  return n / 2;
}

absl::StatusOr<int> Quarter(int n) {
  ASSIGN_OR_RETURN(const int half, Half(n));
  ASSIGN_OR_RETURN(const int quarter, Half(half));
  return quarter;
}

TEST(Status, MacrosReturnTheFirstErrorAndTheValue) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_EQ(Quarter(6).status().message(), "odd");
}

TEST(Status, AnnotateKeepsCodeReasonAndRetryAfter) {
  const absl::Status inner = WithRetryAfter(
      WithReason(absl::UnavailableError("no answer"), "KUBERNETES_UNREACHABLE"), absl::Seconds(2));
  const absl::Status outer = Annotate(inner, "create pod s-1");
  EXPECT_EQ(outer.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(outer.message(), "create pod s-1: no answer");
  EXPECT_EQ(ReasonOf(outer), "KUBERNETES_UNREACHABLE");
  EXPECT_EQ(RetryAfterOf(outer), absl::Seconds(2));
  EXPECT_EQ(RetryAfterOf(absl::OkStatus()), std::nullopt);
  EXPECT_TRUE(Annotate(absl::OkStatus(), "x").ok());
}

TEST(Status, DetailsStayWithTheErrorThroughAnnotate) {
  const absl::Status inner = WithReason(absl::ResourceExhaustedError("full"), "QUOTA_SESSIONS",
                                        {{"namespace", "shop"}, {"limit", 5}});
  const absl::Status outer = WithDetail(Annotate(inner, "connect"), {"limit", 6});
  EXPECT_EQ(DetailsOf(outer),
            (std::map<std::string, std::string>{{"namespace", "shop"}, {"limit", "6"}}));
  EXPECT_EQ(ReasonOf(outer), "QUOTA_SESSIONS");
  EXPECT_TRUE(DetailsOf(absl::InternalError("x")).empty());
}

TEST(Status, FieldErrorsNameTheField) {
  EXPECT_EQ(InvalidField("spec.port", "70000 is not in 1..65535").message(),
            "spec.port: 70000 is not in 1..65535");
  EXPECT_EQ(ReasonOf(InvalidField("a", "b")), "INVALID_FIELD");
  EXPECT_EQ(DetailsOf(InvalidField("a", "b"))["field"], "a");
  EXPECT_EQ(DetailsOf(UnsupportedField("c"))["field"], "c");
  EXPECT_EQ(UnsupportedField("spec.x").code(), absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace spawner
