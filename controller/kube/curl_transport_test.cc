#include "controller/kube/curl_transport.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/test_certificates.h"
#include "controller/kube/limits.h"
#include "controller/kube/test_server.h"

namespace spawner::kube {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);  // of a test for what must come

// Keeps what comes; cancels itself at the first data if told to.
class Recorder final : public HttpHandler {
 public:
  explicit Recorder(HttpTransport& transport) : transport_(transport) {}
  ~Recorder() override {
    if (!ended) transport_.Cancel(id);
  }
  void Start(HttpRequest request) { id = transport_.Start(std::move(request), this); }
  void OnHead(int c, std::optional<absl::Duration> r) override {
    ++heads;
    code = c;
    retry_after = r;
  }
  void OnData(absl::string_view chunk) override {
    data.append(chunk.data(), chunk.size());
    if (cancel_at_data) transport_.Cancel(id);
    if (pause_at_data) transport_.SetPaused(id, true);
  }
  void OnEnd(const absl::Status& s) override {
    ended = true;
    status = s;
  }

  bool cancel_at_data = false;
  bool pause_at_data = false;
  HttpTransport::RequestId id = 0;
  int heads = 0;
  int code = 0;
  std::optional<absl::Duration> retry_after;
  std::string data;
  bool ended = false;
  absl::Status status;

 private:
  HttpTransport& transport_;
};

class CurlTransportTest : public testing::Test {
 protected:
  CurlTransportTest() { std::signal(SIGPIPE, SIG_IGN); }

  std::unique_ptr<CurlTransport> Connect(int port, KubeConfig config = {}) {
    if (config.server.empty()) config.server = absl::StrCat("http://127.0.0.1:", port);
    absl::StatusOr<std::unique_ptr<CurlTransport>> transport =
        CurlTransport::Create(std::move(config), clock_);
    EXPECT_TRUE(transport.ok()) << transport.status();
    return *std::move(transport);
  }
  // Polls until `done` or until patience is over.
  template <typename Done>
  bool PollUntil(HttpTransport& transport, Done done) {
    const Instant deadline = clock_.Now() + kPatience;
    while (!done() && clock_.Now() < deadline) transport.Poll(absl::Milliseconds(200));
    return done();
  }
  // One GET and its whole answer.
  std::unique_ptr<Recorder> Get(HttpTransport& transport, HttpRequest request = {.path = "/x"}) {
    auto recorder = std::make_unique<Recorder>(transport);
    recorder->Start(std::move(request));
    EXPECT_TRUE(PollUntil(transport, [&recorder] { return recorder->ended; }));
    return recorder;
  }
  static TestServer::Handler Always(std::string bytes, bool close = false) {
    return [bytes = std::move(bytes), close](const TestServer::Request&) {
      return TestServer::Answer{bytes, close};
    };
  }

  SystemClock clock_;
};

TEST_F(CurlTransportTest, SendsTheRequestAndGivesTheAnswer) {
  TestServer server(Always(HttpAnswer(201, "made")));
  const auto transport = Connect(server.port(), {.token = "secret"});
  const auto answer = Get(*transport, {.method = "PATCH",
                                       .path = "/api/v1/pods/a?x=%2F..",
                                       .content_type = "application/merge-patch+json",
                                       .body = "{\"a\":1}"});
  EXPECT_TRUE(answer->status.ok()) << answer->status;
  EXPECT_EQ(answer->code, 201);
  EXPECT_EQ(answer->data, "made");
  ASSERT_EQ(server.requests().size(), 1u);
  const TestServer::Request request = server.requests()[0];
  EXPECT_TRUE(absl::StartsWith(request.head, "PATCH /api/v1/pods/a?x=%2F.. HTTP/1.1\r\n"));
  EXPECT_TRUE(absl::StrContains(request.head, "Content-Type: application/merge-patch+json\r\n"));
  EXPECT_TRUE(absl::StrContains(request.head, "Authorization: Bearer secret\r\n"));
  EXPECT_FALSE(absl::StrContains(request.head, "Expect"));
  EXPECT_EQ(request.body, "{\"a\":1}");
}

TEST_F(CurlTransportTest, GivesErrorAnswersAsAnswers) {
  TestServer server(Always(HttpAnswer(429, "slow", "Retry-After: 7\r\n")));
  const auto transport = Connect(server.port());
  const auto answer = Get(*transport);
  EXPECT_TRUE(answer->status.ok());
  EXPECT_EQ(answer->code, 429);
  EXPECT_EQ(answer->retry_after, absl::Seconds(7));
  EXPECT_EQ(answer->data, "slow");
}

TEST_F(CurlTransportTest, SkipsInterimHeads) {
  TestServer server(Always("HTTP/1.1 103 Early\r\nX: y\r\n\r\n" + HttpAnswer(200, "ok")));
  const auto transport = Connect(server.port());
  const auto answer = Get(*transport);
  EXPECT_EQ(answer->heads, 1);
  EXPECT_EQ(answer->code, 200);
}

TEST_F(CurlTransportTest, StreamsWhatComesBeforeTheEnd) {
  TestServer server(Always("HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nline\n\r\n"));
  const auto transport = Connect(server.port());
  Recorder stream(*transport);
  stream.Start({.path = "/watch", .is_stream = true});
  EXPECT_TRUE(PollUntil(*transport, [&stream] { return stream.data == "line\n"; }));
  EXPECT_FALSE(stream.ended);
}

TEST_F(CurlTransportTest, APausedStreamMakesItsSenderWaitAndNobodyElse) {
  // More than any buffer on the way takes.
  std::string body(32 << 20, 'x');
  for (size_t i = 0; i < body.size(); i += 997) body[i] = static_cast<char>('a' + i % 23);
  TestServer server([&body](const TestServer::Request& request) {
    return TestServer::Answer{
        HttpAnswer(200, absl::StrContains(request.head, "/log") ? body : "small")};
  });
  const auto transport = Connect(server.port());
  Recorder stream(*transport);
  stream.pause_at_data = true;
  stream.Start({.path = "/log",
                .timeout = absl::InfiniteDuration(),
                .is_stream = true,
                .is_pausable = true});
  EXPECT_TRUE(PollUntil(*transport, [&stream] { return !stream.data.empty(); }));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Get(*transport)->data, "small");
  const size_t before = stream.data.size();
  EXPECT_LT(before, body.size());
  for (int i = 0; i < 20; ++i) transport->Poll(absl::Milliseconds(10));
  EXPECT_EQ(stream.data.size(), before);
  EXPECT_FALSE(stream.ended);
  stream.pause_at_data = false;
  transport->SetPaused(stream.id, false);
  EXPECT_TRUE(PollUntil(*transport, [&stream] { return stream.ended; }));
  EXPECT_TRUE(stream.status.ok()) << stream.status;
  EXPECT_TRUE(stream.data == body);
  transport->SetPaused(stream.id, true);  // over: ignored
}

TEST_F(CurlTransportTest, APausedStreamMayBeCancelled) {
  const std::string body(32 << 20, 'x');
  TestServer server(Always(HttpAnswer(200, body)));
  const auto transport = Connect(server.port());
  Recorder stream(*transport);
  stream.pause_at_data = true;
  stream.Start({.path = "/log", .is_stream = true, .is_pausable = true});
  EXPECT_TRUE(PollUntil(*transport, [&stream] { return !stream.data.empty(); }));
  transport->SetPaused(stream.id, false);
  transport->Cancel(stream.id);
  for (int i = 0; i < 3; ++i) transport->Poll(absl::Milliseconds(10));
  EXPECT_FALSE(stream.ended);
}

TEST_F(CurlTransportTest, EndsAStreamThatIsSilentForTooLong) {
  TestServer server(Always("HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"));
  const auto transport = Connect(server.port());
  const auto stream =
      Get(*transport, {.path = "/watch", .timeout = absl::Seconds(1), .is_stream = true});
  EXPECT_EQ(stream->data, "x");
  EXPECT_EQ(stream->status.code(), absl::StatusCode::kUnavailable);
}

TEST_F(CurlTransportTest, EndsARequestThatTakesTooLong) {
  TestServer server(Always(""));
  const auto transport = Connect(server.port());
  const auto answer = Get(*transport, {.path = "/x", .timeout = absl::Milliseconds(100)});
  EXPECT_EQ(answer->heads, 0);
  EXPECT_EQ(answer->status.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(absl::StartsWith(
      answer->status.message(),
      absl::StrCat("answer of http://127.0.0.1:", server.port(), ": Operation timed out")))
      << answer->status;
}

TEST_F(CurlTransportTest, HalfAnAnswerIsUnavailable) {
  TestServer server(Always("HTTP/1.1 200 x\r\nContent-Length: 10\r\n\r\nhalf", /*close=*/true));
  const auto transport = Connect(server.port());
  const auto answer = Get(*transport);
  EXPECT_EQ(answer->data, "half");
  EXPECT_EQ(answer->status.code(), absl::StatusCode::kUnavailable);
}

TEST_F(CurlTransportTest, SaysWhatItCannotConnectTo) {
  int port;
  {
    TestServer gone(Always(""));
    port = gone.port();
  }
  const auto transport = Connect(port);
  const auto answer = Get(*transport);
  EXPECT_EQ(answer->status.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(absl::StartsWith(answer->status.message(),
                               absl::StrCat("connect to http://127.0.0.1:", port, ": ")))
      << answer->status;
  EXPECT_TRUE(absl::StrContains(answer->status.message(), "refused")) << answer->status;
}

TEST_F(CurlTransportTest, CancelledRequestsAreNeverHeardOfAgain) {
  TestServer server(Always("HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"));
  const auto transport = Connect(server.port());
  Recorder before(*transport);  // cancelled before it is sent
  before.Start({.path = "/before"});
  transport->Cancel(before.id);
  Recorder within(*transport);  // cancelled from within its own call
  within.cancel_at_data = true;
  within.Start({.path = "/within"});
  EXPECT_TRUE(PollUntil(*transport, [&within] { return !within.data.empty(); }));
  transport->Poll(absl::Milliseconds(50));
  EXPECT_FALSE(within.ended);
  EXPECT_EQ(before.heads, 0);
  EXPECT_EQ(server.requests().size(), 1u);
  transport->Cancel(within.id);  // over: ignored
}

TEST_F(CurlTransportTest, AHandlerMayStartTheNextRequest) {
  class Chain final : public HttpHandler {
   public:
    explicit Chain(HttpTransport& transport) : transport_(transport) {}
    void Start() { transport_.Start({.path = "/x"}, this); }
    void OnHead(int, std::optional<absl::Duration>) override {}
    void OnData(absl::string_view) override {}
    void OnEnd(const absl::Status& status) override {
      if (status.ok() && ++ends < 3) Start();
    }
    int ends = 0;

   private:
    HttpTransport& transport_;
  };
  TestServer server(Always(HttpAnswer(200, "")));
  const auto transport = Connect(server.port());
  Chain chain(*transport);
  chain.Start();
  EXPECT_TRUE(PollUntil(*transport, [&chain] { return chain.ends == 3; }));
  EXPECT_EQ(server.connections(), 1) << "kept open between requests";
}

TEST_F(CurlTransportTest, WakeEndsTheWait) {
  TestServer server(Always(""));
  const auto transport = Connect(server.port());
  const Instant start = clock_.Now();
  transport->Wake();  // before the wait
  transport->Poll(absl::Hours(1));
  std::thread other([&transport] { transport->Wake(); });  // during the wait, most likely
  transport->Poll(absl::Hours(1));
  other.join();
  EXPECT_LT(clock_.Now() - start, absl::Minutes(1));
}

TEST_F(CurlTransportTest, ReadsTheTokenFileAgainAfterARefusal) {
  const std::string path = testing::TempDir() + "/rotating";
  std::ofstream(path) << "old";
  TestServer server([](const TestServer::Request& request) {
    const bool known = absl::StrContains(request.head, "Bearer new\r\n");
    return TestServer::Answer{HttpAnswer(known ? 200 : 401, "")};
  });
  const auto transport = Connect(server.port(), {.token_file = path});
  EXPECT_EQ(Get(*transport)->code, 401);
  std::ofstream(path) << "new";
  EXPECT_EQ(Get(*transport)->code, 200);
}

TEST_F(CurlTransportTest, EndsARequestWhoseCredentialsCannotBeRead) {
  TestServer server(Always(HttpAnswer(200, "")));
  const auto transport = Connect(server.port(), {.token_file = "/nonexistent/token"});
  const auto answer = Get(*transport);
  EXPECT_EQ(answer->status,
            absl::UnauthenticatedError("read /nonexistent/token: No such file or directory"));
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(CurlTransportTest, RefusesAMalformedServer) {
  EXPECT_EQ(CurlTransport::Create({.server = "https://:x"}, clock_).status().code(),
            absl::StatusCode::kInvalidArgument);
}

// An authority, and a server's certificate of it.
class CurlTransportTlsTest : public CurlTransportTest {
 protected:
  KubeConfig Config(int port) const {
    return {.server = absl::StrCat("https://127.0.0.1:", port), .ca_pem = ca_.cert_pem};
  }

  const TestCertificate ca_ = MakeTestCertificate({.common_name = "ca"});
  const TestCertificate server_ =
      MakeTestCertificate({.common_name = "api", .names = "IP:127.0.0.1", .issuer = &ca_});
};

TEST_F(CurlTransportTlsTest, TrustsOnlyItsOwnAuthority) {
  TestServer server({.cert_pem = server_.cert_pem, .key_pem = server_.key_pem},
                    Always(HttpAnswer(200, "ok")));
  EXPECT_EQ(Get(*Connect(0, Config(server.port())))->data, "ok");
  KubeConfig other = Config(server.port());
  other.ca_pem = MakeTestCertificate({.common_name = "other"}).cert_pem;
  const auto refused = Get(*Connect(0, other));
  EXPECT_EQ(refused->status.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(absl::StrContains(refused->status.message(), "certificate")) << refused->status;
  other.skip_tls_verify = true;
  EXPECT_EQ(Get(*Connect(0, other))->data, "ok");
}

TEST_F(CurlTransportTlsTest, VerifiesTheServersName) {
  const TestCertificate named =
      MakeTestCertificate({.common_name = "api", .names = "DNS:api.test", .issuer = &ca_});
  TestServer server({.cert_pem = named.cert_pem, .key_pem = named.key_pem},
                    Always(HttpAnswer(200, "ok")));
  EXPECT_FALSE(Get(*Connect(0, Config(server.port())))->status.ok());
  KubeConfig config = Config(server.port());
  config.tls_server_name = "api.test";
  const auto answer = Get(*Connect(0, config));
  EXPECT_EQ(answer->data, "ok") << answer->status;
}

TEST_F(CurlTransportTlsTest, ShowsItsClientCertificate) {
  TestServer server(
      {.cert_pem = server_.cert_pem, .key_pem = server_.key_pem, .client_ca_pem = ca_.cert_pem},
      Always(HttpAnswer(200, "ok")));
  EXPECT_FALSE(Get(*Connect(0, Config(server.port())))->status.ok());
  const TestCertificate client = MakeTestCertificate({.common_name = "admin", .issuer = &ca_});
  KubeConfig config = Config(server.port());
  config.client_cert_pem = client.cert_pem;
  config.client_key_pem = client.key_pem;
  EXPECT_EQ(Get(*Connect(0, config))->data, "ok");
  config.client_key_pem = "-----BEGIN PRIVATE KEY-----\nrubbish\n-----END PRIVATE KEY-----\n";
  EXPECT_EQ(Get(*Connect(0, config))->status.code(), absl::StatusCode::kUnauthenticated);
}

TEST_F(CurlTransportTlsTest, CarriesMoreStreamsThanOneConnectionMay) {
  // 250 requests that are all held until all are there, 100 on each connection.
  constexpr int kStreams = 250;
  TestServer server(
      {.cert_pem = server_.cert_pem, .key_pem = server_.key_pem, .hold_streams = kStreams},
      nullptr);
  const auto transport = Connect(0, Config(server.port()));
  std::vector<std::unique_ptr<Recorder>> recorders;
  for (int i = 0; i < kStreams; ++i) {
    recorders.push_back(std::make_unique<Recorder>(*transport));
    recorders.back()->Start({.method = "POST", .path = "/x", .content_type = "a/b", .body = "{}"});
  }
  EXPECT_TRUE(PollUntil(*transport,
                        [&recorders] {
                          return std::all_of(recorders.begin(), recorders.end(),
                                             [](const auto& r) { return r->ended; });
                        }))
      << server.most_streams() << " at once on " << server.connections() << " connections";
  for (const auto& recorder : recorders) {
    EXPECT_TRUE(recorder->status.ok()) << recorder->status;
    EXPECT_EQ(recorder->code, 200);
    EXPECT_EQ(recorder->data, "{}");
  }
  EXPECT_EQ(server.most_streams(), kStreams);
  EXPECT_GE(server.connections(), 3);
  EXPECT_LE(server.connections(), kConnectionsMax);
}

}  // namespace
}  // namespace spawner::kube
