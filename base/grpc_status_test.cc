#include "base/grpc_status.h"

#include <gtest/gtest.h>

#include <string>

#include "base/status.h"
#include "google/rpc/error_details.pb.h"

namespace spawner {
namespace {

TEST(GrpcStatus, ReasonAndWaitCrossTheWire) {
  const absl::Status status = WithRetryAfter(
      WithReason(absl::UnavailableError("connect: no leader"), "NO_LEADER"), absl::Seconds(1.5));
  const grpc::Status wire = ToGrpc(status);
  EXPECT_EQ(wire.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(wire.error_message(), "connect: no leader");
  const absl::Status back = FromGrpc(wire);
  EXPECT_EQ(back.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(back), "NO_LEADER");
  EXPECT_EQ(RetryAfterOf(back), absl::Seconds(1.5));
}

TEST(GrpcStatus, DetailsAreMetadataAndALongOneIsCutAtACharacter) {
  std::string name = "x";
  for (int i = 0; i < 200; ++i) name += "\u00e9";  // two bytes each: byte 256 is within one
  const absl::Status status = WithReason(absl::NotFoundError("none"), "KEY_NOT_HELD",
                                         {{"namespace", "shop"}, {"key", name}});
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(ToGrpc(status).error_details()));
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.metadata().at("namespace"), "shop");
  EXPECT_EQ(info.metadata().at("key"), name.substr(0, 255));
  EXPECT_EQ(DetailsOf(FromGrpc(ToGrpc(status))).at("key"), name.substr(0, 255));
}

TEST(GrpcStatus, EveryErrorHasAReason) {
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(ToGrpc(absl::InternalError("x")).error_details()));
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "INTERNAL");
  EXPECT_EQ(info.domain(), "spawner.dev");
}

TEST(GrpcStatus, UnavailableAlwaysSaysWhenToTryAgain) {
  EXPECT_EQ(RetryAfterOf(FromGrpc(ToGrpc(absl::UnavailableError("no answer")))), absl::Seconds(1));
  EXPECT_EQ(RetryAfterOf(FromGrpc(ToGrpc(absl::NotFoundError("none")))), std::nullopt);
}

TEST(GrpcStatus, OkStaysOk) {
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
  EXPECT_TRUE(FromGrpc(grpc::Status::OK).ok());
}

TEST(GrpcStatus, DetailsThatCanNotBeReadAreDropped) {
  const absl::Status status =
      FromGrpc(grpc::Status(grpc::StatusCode::NOT_FOUND, "gone", "\xff\xff\xff"));
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "gone");
  EXPECT_EQ(ReasonOf(status), "");
}

}  // namespace
}  // namespace spawner
