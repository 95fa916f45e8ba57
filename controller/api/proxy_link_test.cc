#include <variant>

#include "absl/strings/str_cat.h"
#include "controller/api/api_fixture.h"
#include "spawner/v1/proxy_link.grpc.pb.h"

namespace spawner::api {
namespace {

class ProxyLinkTest : public ::testing::Test {
 protected:
  using Stream = grpc::ClientReaderWriter<v1::ProxyMessage, v1::ControllerMessage>;

  static v1::ProxyMessage HelloOf(const std::string& id) {
    v1::ProxyMessage message;
    message.mutable_hello()->set_proxy_id(id);
    return message;
  }
  // Runs on the loop with the only peer there is.
  void WithPeer(const std::function<void(core::ProxyPeer&)>& work) {
    server_.loop.Run([this, &work] {
      ASSERT_EQ(server_.service.links.size(), 1u);
      work(*server_.service.links.begin()->second);
    });
  }
  void WaitForMessages(size_t count) {
    server_.loop.WaitUntil([this, count] { return server_.service.link_messages.size() == count; });
  }

  ApiServer server_;
  std::unique_ptr<v1::ProxyLink::Stub> stub_ = v1::ProxyLink::NewStub(server_.channel);
  grpc::ClientContext context_;
};

TEST_F(ProxyLinkTest, CarriesMessagesInOrderBothWays) {
  server_.loop.Run([this] {
    server_.service.on_link_message = [](core::ProxyPeer* peer, core::Service::LinkId,
                                         const route::FromProxy& message) {
      if (!std::holds_alternative<route::Hello>(message)) return;
      peer->Send(route::Welcome{.controller_id = "c-1", .leadership = 3});
      for (uint64_t version = 1; version <= 100; ++version) {
        peer->Send(route::Routes{.version = version});
      }
    };
  });
  const std::unique_ptr<Stream> stream = stub_->Connect(&context_);
  ASSERT_TRUE(stream->Write(HelloOf("p")));
  v1::ControllerMessage message;
  ASSERT_TRUE(stream->Read(&message));
  EXPECT_EQ(message.welcome().controller_id(), "c-1");
  EXPECT_EQ(message.welcome().now().seconds(), absl::ToUnixSeconds(server_.clock.WallNow()));
  ASSERT_EQ(message.welcome().keys_size(), 1);
  EXPECT_EQ(message.welcome().keys(0).public_key(), server_.keys.signing.pair.public_key);
  for (uint64_t version = 1; version <= 100; ++version) {
    ASSERT_TRUE(stream->Read(&message));
    EXPECT_EQ(message.routes().version(), version);
  }
  v1::ProxyMessage ack;
  for (uint64_t version = 1; version <= 100; ++version) {
    ack.mutable_ack()->set_version(version);
    ASSERT_TRUE(stream->Write(ack));
  }
  WaitForMessages(101);
  server_.loop.Run([this] {
    for (uint64_t version = 1; version <= 100; ++version) {
      EXPECT_EQ(std::get<route::Ack>(server_.service.link_messages[version]).version, version);
    }
  });
  stream->WritesDone();
  EXPECT_FALSE(stream->Read(&message));
  EXPECT_TRUE(stream->Finish().ok());
  server_.loop.Run([this] { EXPECT_TRUE(server_.service.links.empty()); });
}

TEST_F(ProxyLinkTest, CarriesTheUseOfATokenAndRevocations) {
  const std::unique_ptr<Stream> stream = stub_->Connect(&context_);
  ASSERT_TRUE(stream->Write(HelloOf("p")));
  v1::ProxyMessage use;
  use.mutable_use_token()->set_sequence(4);
  use.mutable_use_token()->set_session_id("s1");
  use.mutable_use_token()->set_grant_id("g1");
  use.mutable_use_token()->mutable_expire_time()->set_seconds(1'800'000'060);
  use.mutable_use_token()->set_leadership(7);
  ASSERT_TRUE(stream->Write(use));
  WaitForMessages(2);
  server_.loop.Run([this] {
    const auto& seen = std::get<route::UseToken>(server_.service.link_messages[1]);
    EXPECT_EQ(seen.session.value, "s1");
    EXPECT_EQ(seen.grant_id, "g1");
    EXPECT_EQ(seen.expires_at, absl::FromUnixSeconds(1'800'000'060));
    EXPECT_EQ(seen.leadership, 7u);
  });
  WithPeer([](core::ProxyPeer& peer) {
    peer.Send(route::UseTokenAnswer{.sequence = 4, .is_first_use = true});
    route::Route route;
    route.session = {"s1"};
    route.revoked = route::RouteRevocations{.grants = {"g2"},
                                            .users = {{"ada", absl::FromUnixSeconds(7)}},
                                            .not_issued_before = absl::FromUnixSeconds(5)};
    peer.Send(route::Routes{.version = 1, .routes = {route}});
  });
  v1::ControllerMessage message;
  ASSERT_TRUE(stream->Read(&message));
  EXPECT_EQ(message.use_token().sequence(), 4u);
  EXPECT_TRUE(message.use_token().is_first_use());
  ASSERT_TRUE(stream->Read(&message));
  const v1::Route& route = message.routes().routes(0);
  EXPECT_EQ(route.revoked_grants(0), "g2");
  EXPECT_EQ(route.revoked_users(0).user(), "ada");
  EXPECT_EQ(route.revoked_users(0).not_issued_before().seconds(), 7);
  EXPECT_EQ(route.not_issued_before().seconds(), 5);
}

TEST_F(ProxyLinkTest, NewKeysAreSentOverLinksThatHaveHadTheirWelcome) {
  const std::unique_ptr<Stream> stream = stub_->Connect(&context_);
  ASSERT_TRUE(stream->Write(HelloOf("p")));
  WaitForMessages(1);
  SeededRandom random(8);
  KeyRing next = Rotate(server_.keys, absl::Hours(1), server_.clock.WallNow(), random);
  // Before the Welcome they would be the first message, which no proxy takes.
  server_.loop.Run([this, &next] { server_.edge.SetKeys(next); });
  WithPeer([](core::ProxyPeer& peer) { peer.Send(route::Welcome{.leadership = 3}); });
  v1::ControllerMessage message;
  ASSERT_TRUE(stream->Read(&message));
  EXPECT_EQ(message.welcome().keys_size(), 2);
  next = Rotate(next, absl::ZeroDuration(), server_.clock.WallNow(), random);
  server_.loop.Run([this, &next] { server_.edge.SetKeys(next); });
  ASSERT_TRUE(stream->Read(&message));
  ASSERT_EQ(message.keys().keys_size(), 1);
  EXPECT_EQ(message.keys().keys(0).id(), next.signing.id);
  EXPECT_EQ(message.keys().keys(0).renewal_secret(), RenewalSecret(next.signing));
}

TEST_F(ProxyLinkTest, NotLeaderIsTheLastMessage) {
  const std::unique_ptr<Stream> stream = stub_->Connect(&context_);
  ASSERT_TRUE(stream->Write(HelloOf("p")));
  WaitForMessages(1);
  WithPeer([](core::ProxyPeer& peer) {
    peer.Send(route::NotLeader{.leader_address = "10.0.0.2:7000", .leadership = 4});
    peer.Send(route::RouteUnknown{{"late"}});
  });
  v1::ControllerMessage message;
  ASSERT_TRUE(stream->Read(&message));
  EXPECT_EQ(message.not_leader().leader_address(), "10.0.0.2:7000");
  EXPECT_FALSE(stream->Read(&message));
  EXPECT_TRUE(stream->Finish().ok());
  server_.loop.WaitUntil([this] { return server_.service.links.empty(); });
}

TEST_F(ProxyLinkTest, ProxyThatBreaksTheProtocolIsCutOff) {
  const std::unique_ptr<Stream> stream = stub_->Connect(&context_);
  ASSERT_TRUE(stream->Write(v1::ProxyMessage()));
  v1::ControllerMessage message;
  EXPECT_FALSE(stream->Read(&message));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(),
            "message: is empty, or of a kind that this controller does not know");
  server_.loop.WaitUntil([this] { return server_.service.links.empty(); });
}

TEST_F(ProxyLinkTest, MessagesOfAKindThatOnlyANewerProxyKnowsAreIgnored) {
  const std::unique_ptr<Stream> stream = stub_->Connect(&context_);
  ASSERT_TRUE(stream->Write(HelloOf("p")));
  v1::ProxyMessage newer;
  ASSERT_TRUE(newer.ParseFromString(std::string("\x9a\x06\x02\x08\x01", 5)));  // field 99
  ASSERT_TRUE(stream->Write(newer));
  ASSERT_TRUE(stream->Write(newer));
  v1::ProxyMessage known;
  known.mutable_heartbeat()->set_sequence(7);
  known.MergeFrom(newer);  // a new field beside a known kind
  ASSERT_TRUE(stream->Write(known));
  WaitForMessages(2);
  server_.loop.Run([this] {
    EXPECT_EQ(std::get<route::ProxyHeartbeat>(server_.service.link_messages[1]).sequence, 7u);
  });
  stream->WritesDone();
  v1::ControllerMessage message;
  EXPECT_FALSE(stream->Read(&message));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(ProxyLinkTest, ProxyThatDoesNotReadIsCutOffAtTheBound) {
  const std::unique_ptr<Stream> stream = stub_->Connect(&context_);
  ASSERT_TRUE(stream->Write(HelloOf("p")));
  WaitForMessages(1);
  WithPeer([](core::ProxyPeer& peer) {
    for (int i = 0; i < 5000; ++i) peer.Send(route::RouteUnknown{{"a"}});
  });
  v1::ControllerMessage message;
  while (stream->Read(&message)) {
  }
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(status.error_message(), "the proxy is slow: 4096 messages wait; dial again");
}

TEST_F(ProxyLinkTest, LinkOfAProxyThatVanishesIsClosed) {
  const std::unique_ptr<Stream> stream = stub_->Connect(&context_);
  ASSERT_TRUE(stream->Write(HelloOf("p")));
  WaitForMessages(1);
  context_.TryCancel();
  server_.loop.WaitUntil([this] { return server_.service.links.empty(); });
  stream->Finish();
}

TEST_F(ProxyLinkTest, ShutdownEndsLinksAndTakesNoNewOne) {
  const std::unique_ptr<Stream> stream = stub_->Connect(&context_);
  ASSERT_TRUE(stream->Write(HelloOf("p")));
  WaitForMessages(1);
  server_.loop.Run([this] { server_.edge.EndStreams(); });
  v1::ControllerMessage message;
  EXPECT_FALSE(stream->Read(&message));
  EXPECT_EQ(ReasonOf(FromGrpc(stream->Finish())), "NO_LEADER");
  grpc::ClientContext context;
  const std::unique_ptr<Stream> late = stub_->Connect(&context);
  EXPECT_FALSE(late->Read(&message));
  EXPECT_EQ(late->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace spawner::api
