#include "cli/client.h"

#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"

namespace spawner::cli {
namespace {

grpc::Status Refusal(grpc::StatusCode code, const std::string& message, const std::string& reason) {
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  google::rpc::Status details;
  details.add_details()->PackFrom(info);
  return {code, message, details.SerializeAsString()};
}

TEST(ErrorText, AnUnreachableControllerIsNamedWithTheCause) {
  const grpc::Status status(grpc::StatusCode::UNAVAILABLE,
                            "failed to connect to all addresses; last error: UNKNOWN: "
                            "ipv4:127.0.0.1:1: Failed to connect to remote host: "
                            "Connection refused");
  EXPECT_EQ(ErrorText(status, "get sessions", "127.0.0.1:1"),
            "get sessions: cannot reach the controller at 127.0.0.1:1: Connection refused\n"
            "  is a controller running there? --address or SPAWNER_ADDRESS names another");
  EXPECT_EQ(ErrorText({grpc::StatusCode::UNAVAILABLE, "Socket closed"}, "watch", "a:1"),
            "watch: cannot reach the controller at a:1: Socket closed\n"
            "  is a controller running there? --address or SPAWNER_ADDRESS names another");
}

TEST(ErrorText, AServerThatIsNoControllerIsSaidToBeThat) {
  const grpc::Status status(grpc::StatusCode::UNIMPLEMENTED,
                            "Received http2 header with status: 404");
  EXPECT_EQ(ErrorText(status, "get sessions", "web:80"),
            "get sessions: what answers at web:80 is no controller: HTTP status 404\n"
            "  is this its gRPC port, and no web proxy on the way? --address or SPAWNER_ADDRESS "
            "names another");
}

TEST(ErrorText, ABackendsLastWordsDoNotSpeakToTheTerminal) {
  EXPECT_EQ(
      ErrorText(Refusal(grpc::StatusCode::ABORTED, "it said: \x1b[2J\n", "X"), "connect", "a"),
      "connect: it said: \\x1b[2J\\n [X]");
}

TEST(ErrorText, ARefusalKeepsTheControllersWordsOnceAndSaysWhatToDo) {
  EXPECT_EQ(ErrorText(Refusal(grpc::StatusCode::NOT_FOUND, "connect: no session holds key x",
                              "KEY_NOT_HELD"),
                      "connect", "a:1"),
            "connect: no session holds key x [KEY_NOT_HELD]\n"
            "  say what to run by --image=IMAGE or -- COMMAND");
  EXPECT_EQ(ErrorText(Refusal(grpc::StatusCode::UNAVAILABLE, "nobody leads: yet", "NO_LEADER"),
                      "connect", "a:1"),
            "connect: nobody leads: yet [NO_LEADER]\n  an election takes some seconds: try again");
  EXPECT_EQ(ErrorText({grpc::StatusCode::DEADLINE_EXCEEDED, "Deadline Exceeded"}, "status", "a:1"),
            "status: no answer from a:1 in time\n"
            "  give it longer with --timeout, or look with `spawnctl describe`");
}

TEST(ExitCode, IsThatOfTheContract) {
  const std::pair<grpc::StatusCode, int> codes[] = {
      {grpc::StatusCode::OK, 0},
      {grpc::StatusCode::INTERNAL, 1},
      {grpc::StatusCode::UNIMPLEMENTED, 1},
      {grpc::StatusCode::INVALID_ARGUMENT, 2},
      {grpc::StatusCode::NOT_FOUND, 3},
      {grpc::StatusCode::UNAUTHENTICATED, 4},
      {grpc::StatusCode::PERMISSION_DENIED, 4},
      {grpc::StatusCode::FAILED_PRECONDITION, 5},
      {grpc::StatusCode::ABORTED, 5},
      {grpc::StatusCode::RESOURCE_EXHAUSTED, 6},
      {grpc::StatusCode::UNAVAILABLE, 7},
      {grpc::StatusCode::DEADLINE_EXCEEDED, 124},
      {grpc::StatusCode::CANCELLED, 130},
  };
  for (const auto& [code, exit_code] : codes) {
    EXPECT_EQ(ExitCodeOf(grpc::Status(code, "")), exit_code) << code;
  }
}

}  // namespace
}  // namespace spawner::cli
