#include "proxy/tls/tls_io.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proxy/shared_addresses.h"
#include "proxy/tls/limits.h"
#include "proxy/tls/sim_tls_world.h"

namespace spawner::proxy {
namespace {

// Sends a ping through a new connection and back; true if it came, false if the client was refused.
bool Works(SimTlsWorld& world, SimTlsClient& client) {
  const size_t before = world.peers.size();
  client.Send("ping");
  world.RunUntil([&] {
    return client.has_failed() || client.has_end() ||
           (world.peers.size() > before && world.peers.back()->received == "ping");
  });
  if (world.peers.size() == before) return false;
  world.peers.back()->Send("pong");
  world.RunUntil([&] { return client.received == "pong" || client.has_failed(); });
  return client.received == "pong";
}

TEST(TlsIo, SpeaksTls12And13AndSaysWhoIsThere) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    SimTlsWorld world;
    SimTlsClient& client = world.NewClient({.version = version});
    ASSERT_TRUE(Works(world, client)) << client.failure;
    EXPECT_EQ(SSL_version(client.ssl()), version);
    EXPECT_TRUE(world.peers[0]->accepted.is_secure);
    EXPECT_EQ(world.peers[0]->accepted.peer_ip, "10.0.0.1");
    EXPECT_EQ(world.io.counters().open.value(), 1);
    EXPECT_EQ(world.io.counters().arrivals.value(), 0);
  }
}

TEST(TlsIo, RefusesTls11AndOldCiphers) {
  SimTlsWorld world;
  EXPECT_FALSE(
      Works(world, world.NewClient({.version = TLS1_1_VERSION, .ciphers = "ALL:@SECLEVEL=0"})));
  EXPECT_FALSE(Works(
      world, world.NewClient({.version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-SHA"})));
  EXPECT_EQ(world.io.counters().errors[static_cast<size_t>(ArrivalError::kProtocol)].value(), 2);
  EXPECT_TRUE(world.peers.empty());
}

TEST(TlsIo, ResumesWithATicketOfAnotherProcess) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    SimTlsWorld one(1);
    SimTlsWorld other(2);
    SimTlsClient& first = one.NewClient({.version = version});
    ASSERT_TRUE(Works(one, first));
    ASSERT_NE(first.session(), nullptr);
    SimTlsClient& second = other.NewClient(
        {.authority_pem = one.authority.cert_pem, .version = version, .session = first.session()});
    ASSERT_TRUE(Works(other, second)) << second.failure;
    EXPECT_TRUE(second.is_resumed());
    const TlsCounters& counters = other.io.counters();
    EXPECT_EQ(counters.handshakes_12_resumed.value() + counters.handshakes_13_resumed.value(), 1);
  }
}

TEST(TlsIo, OpensTicketsOfThePreviousKeyAndNoneOfAForgottenOne) {
  SimTlsWorld world;
  SimTlsClient& first = world.NewClient();
  ASSERT_TRUE(Works(world, first));
  const TicketKey old = world.material.ticket_keys[0];
  const TicketKey young = TicketKeyFromSecret("another secret of this test, 32 bytes.");
  world.material.ticket_keys = {young, old};
  ASSERT_TRUE(world.io.Apply(world.material).ok());
  SimTlsClient& second = world.NewClient({.session = first.session()});
  ASSERT_TRUE(Works(world, second));
  EXPECT_TRUE(second.is_resumed());
  world.material.ticket_keys = {young};
  ASSERT_TRUE(world.io.Apply(world.material).ok());
  SimTlsClient& third = world.NewClient({.session = first.session()});
  ASSERT_TRUE(Works(world, third));
  EXPECT_FALSE(third.is_resumed());
  // The second one's ticket was sealed anew.
  SimTlsClient& fourth = world.NewClient({.session = second.session()});
  ASSERT_TRUE(Works(world, fourth));
  EXPECT_TRUE(fourth.is_resumed());
}

TEST(TlsIo, ChoosesTheCertificateByName) {
  SimTlsWorld world;
  const TestCertificate wild = world.Issue("wild", "DNS:*.apps.test,DNS:apps.test");
  const TestCertificate exact = world.Issue("exact", "DNS:one.apps.test");
  world.material.certificates.push_back({"wild", wild.cert_pem, wild.key_pem});
  world.material.certificates.push_back({"exact", exact.cert_pem, exact.key_pem});
  ASSERT_TRUE(world.io.Apply(world.material).ok());
  const std::pair<const char*, const char*> expected[] = {
      {"app.test", "first"},       {"two.apps.test", "wild"},
      {"TWO.Apps.Test", "wild"},   {"one.apps.test", "exact"},
      {"apps.test", "wild"},       {"a.b.apps.test", "first"},
      {"elsewhere.test", "first"}, {"", "first"}};
  for (const auto& [host, name] : expected) {
    SimTlsClient& client = world.NewClient({.server_name = host});
    SSL_set_verify(client.ssl(), SSL_VERIFY_NONE, nullptr);
    EXPECT_TRUE(Works(world, client)) << host << ": " << client.failure;
    EXPECT_EQ(client.certificate_name(), name) << host;
  }
}

TEST(TlsIo, ServesEachKindOfKeyToWhoKnowsIt) {
  SimTlsWorld world;
  const TestCertificate twin = world.Issue("twin", "DNS:app.test", /*is_rsa=*/true);
  world.material.certificates.push_back({"twin", twin.cert_pem, twin.key_pem});
  ASSERT_TRUE(world.io.Apply(world.material).ok());
  SimTlsClient& rsa = world.NewClient({.version = TLS1_2_VERSION, .ciphers = "aRSA"});
  ASSERT_TRUE(Works(world, rsa)) << rsa.failure;
  EXPECT_EQ(rsa.certificate_name(), "twin");
  SimTlsClient& ec = world.NewClient({.version = TLS1_2_VERSION, .ciphers = "aECDSA"});
  ASSERT_TRUE(Works(world, ec)) << ec.failure;
  EXPECT_EQ(ec.certificate_name(), "first");
}

TEST(TlsIo, AgreesOnAProtocolOrRefuses) {
  SimTlsWorld world(1, {}, {.offers_h2 = true});
  const std::pair<std::string, std::string> cases[] = {
      {"\x08http/1.1\x02h2", "h2"}, {"\x08http/1.1", "http/1.1"}, {"", ""}};
  for (const auto& [offered, agreed] : cases) {
    SimTlsClient& client = world.NewClient({.alpn = offered});
    ASSERT_TRUE(Works(world, client)) << client.failure;
    EXPECT_EQ(client.alpn(), agreed);
    EXPECT_EQ(world.peers.back()->accepted.is_h2, agreed == "h2");
  }
  SimTlsClient& stranger = world.NewClient({.alpn = "\x04smtp"});
  EXPECT_FALSE(Works(world, stranger));
  EXPECT_NE(stranger.failure.find("no application protocol"), std::string::npos)
      << stranger.failure;
}

TEST(TlsIo, AnEndWithoutCloseNotifyIsNoCleanEnd) {
  for (const bool with_notify : {true, false}) {
    SimTlsWorld world;
    SimTlsClient& client = world.NewClient();
    ASSERT_TRUE(Works(world, client));
    client.Finish(with_notify);
    SimTlsPeer& peer = *world.peers[0];
    ASSERT_TRUE(world.RunUntil([&] { return peer.is_over(); }));
    EXPECT_EQ(peer.has_end, with_notify);
    EXPECT_EQ(peer.has_failed, !with_notify);
  }
}

TEST(TlsIo, BytesBeforeAnEndAreReadAndThenTheEndIsTold) {
  for (const bool with_notify : {true, false}) {
    SimTlsWorld world;
    SimTlsClient& client = world.NewClient();
    client.Send(std::string(100'000, 'x'));
    ASSERT_TRUE(world.RunUntil([&] { return client.is_connected() && client.unsent() == 0; }));
    client.Finish(with_notify);
    ASSERT_TRUE(world.RunUntil([&] { return !world.peers.empty() && world.peers[0]->is_over(); }));
    EXPECT_EQ(world.peers[0]->received.size(), 100'000u);
    EXPECT_EQ(world.peers[0]->has_end, with_notify);
  }
}

TEST(TlsIo, SaysGoodbyeOnCloseAndNotOnAbort) {
  for (const bool aborts : {false, true}) {
    SimTlsWorld world;
    SimTlsClient& client = world.NewClient();
    ASSERT_TRUE(Works(world, client));
    aborts ? world.peers[0]->stream.Abort() : world.peers[0]->stream.Close();
    ASSERT_TRUE(world.RunUntil([&] { return client.has_end(); }));
    EXPECT_EQ(client.has_clean_end(), !aborts);
    EXPECT_EQ(world.io.counters().open.value(), 0);
  }
}

TEST(TlsIo, ATurnIsBoundedAndTheHandshakeInTime) {
  SimTlsWorld world;
  for (int i = 0; i < 100; ++i) world.NewClient();
  ASSERT_TRUE(world.RunUntil([&] { return world.peers.size() == 100; }));
  SimTlsClient& silent = *world.clients.emplace_back(
      std::make_unique<SimTlsClient>(world.network, SimTlsClientOptions{}));
  silent.SendRaw("");
  absl::StatusOr<Socket> mute = world.network.Connect(world.address, silent);
  ASSERT_TRUE(mute.ok());
  world.Run(kHandshakeTimeout - absl::Seconds(1));
  EXPECT_EQ(world.io.counters().arrivals.value(), 1);
  world.Run(absl::Seconds(2));
  EXPECT_EQ(world.io.counters().arrivals.value(), 0);
  EXPECT_EQ(world.io.counters().errors[static_cast<size_t>(ArrivalError::kTimeout)].value(), 1);
  world.network.Close(*mute);
}

TEST(TlsIo, PlainHttpOnATlsPortGetsAnAnswerThatItCanRead) {
  SimTlsWorld world;
  SimTlsClient& client = *world.clients.emplace_back(std::make_unique<SimTlsClient>(
      world.network, SimTlsClientOptions{.preface = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"}));
  client.Connect(world.address);
  ASSERT_TRUE(world.RunUntil([&] { return client.has_end(); }));
  EXPECT_EQ(client.received_raw.rfind("HTTP/1.1 400 Bad Request\r\n", 0), 0u);
  const size_t body = client.received_raw.find("\r\n\r\n") + 4;
  EXPECT_NE(
      client.received_raw.find(absl::StrCat("Content-Length: ", client.received_raw.size() - body)),
      std::string::npos);
}

TEST(TlsIo, ANewCertificateServesNewConnectionsAndOldOnesGoOn) {
  SimTlsWorld world;
  SimTlsClient& old = world.NewClient();
  ASSERT_TRUE(Works(world, old));
  const TestCertificate next = world.Issue("next", "DNS:app.test");
  world.material.certificates = {{"next", next.cert_pem, next.key_pem}};
  world.io.Post(world.material);
  world.Run(absl::Milliseconds(10));
  SimTlsClient& young = world.NewClient();
  ASSERT_TRUE(Works(world, young));
  EXPECT_EQ(young.certificate_name(), "next");
  old.Send("more");
  EXPECT_TRUE(world.RunUntil([&] { return world.peers[0]->received == "pingmore"; }));
  // One that can't be used changes nothing.
  world.material.certificates[0].key = world.Issue("x", "DNS:app.test").key_pem;
  EXPECT_FALSE(world.io.Apply(world.material).ok());
  SimTlsClient& third = world.NewClient();
  ASSERT_TRUE(Works(world, third));
  EXPECT_EQ(third.certificate_name(), "next");
}

TEST(TlsIo, ReadsTheProxyHeaderInFrontOfTlsAndOfPlainBytes) {
  const TlsIo::Options options = {.has_proxy_header = true,
                                  .trusted = *IpRanges::Parse("10.0.0.0/8")};
  SimTlsWorld world(3, {.fragments = true}, options);
  SimTlsClient& client = world.NewClient({.preface = "PROXY TCP4 192.0.2.7 10.0.0.9 4711 443\r\n"});
  ASSERT_TRUE(Works(world, client)) << client.failure;
  EXPECT_EQ(world.peers[0]->accepted.peer_ip, "192.0.2.7");
  // Without it, or with another's.
  EXPECT_FALSE(Works(world, world.NewClient()));
  EXPECT_FALSE(Works(world, world.NewClient({.preface = "PROXY TCP4 192.0.2.7 10.0.0.9 1\r\n"})));
  EXPECT_EQ(world.io.counters().errors[static_cast<size_t>(ArrivalError::kProxyHeader)].value(), 2);

  SimTlsWorld plain(4, {.fragments = true}, options, /*is_plain=*/true);
  SimTlsClient raw(plain.network, {.preface = "PROXY TCP6 2001:db8::7 ::1 4711 80\r\n"});
  raw.Connect(plain.address);
  ASSERT_TRUE(plain.RunUntil([&] { return !plain.peers.empty(); }));
  EXPECT_EQ(plain.peers[0]->accepted.peer_ip, "2001:db8::7");
  EXPECT_FALSE(plain.peers[0]->accepted.is_secure);
  raw.SendRaw("hello");
  ASSERT_TRUE(
      plain.RunUntil([&] { return plain.peers[0]->received.find("hello") != std::string::npos; }));
  plain.peers[0]->Send("and back");
  EXPECT_TRUE(plain.RunUntil([&] { return raw.received_raw == "and back"; }));
  raw.Close();
  EXPECT_TRUE(plain.RunUntil([&] { return plain.peers[0]->is_over(); }));
}

TEST(TlsIo, RefusesAProxyHeaderFromWhoIsNotTrusted) {
  SimTlsWorld world(1, {}, {.has_proxy_header = true, .trusted = *IpRanges::Parse("10.1.0.0/16")});
  SimTlsClient& client = world.NewClient({.preface = "PROXY TCP4 192.0.2.7 10.0.0.9 1 443\r\n"});
  EXPECT_FALSE(Works(world, client));
  EXPECT_EQ(world.io.counters().errors[static_cast<size_t>(ArrivalError::kUntrusted)].value(), 1);
}

// Goal: who opens connections without end costs no handshakes beyond what its address may have.
TEST(TlsIo, AConnectionCountsForItsAddressFromBeforeItsHandshake) {
  SharedAddresses addresses(2);
  {
    SimTlsWorld world(1, {}, {.addresses = &addresses});
    // In the middle of their handshakes.
    for (int i = 0; i < 2; ++i) {
      world.clients.push_back(std::make_unique<SimTlsClient>(
          world.network, SimTlsClientOptions{.preface = std::string("\x16\x03\x01", 3)}));
    }
    std::vector<Socket> mute;
    for (const auto& client : world.clients) {
      mute.push_back(world.network.Connect(world.address, *client).value());
    }
    ASSERT_TRUE(world.RunUntil([&] { return world.io.counters().arrivals.value() == 2; }));
    SimTlsClient& third = world.NewClient();
    ASSERT_TRUE(world.RunUntil([&] { return third.has_end(); }));
    EXPECT_FALSE(third.is_connected());
    EXPECT_EQ(world.io.counters().of(ArrivalError::kAddress).value(), 1);
    EXPECT_EQ(world.io.counters().arrivals.value(), 2);
    world.Run(kHandshakeTimeout + absl::Seconds(1));
    EXPECT_EQ(addresses.addresses(), 0u);
    for (const Socket socket : mute) world.network.Close(socket);
    // Those that are through count as long as they are open.
    EXPECT_TRUE(Works(world, world.NewClient()));
    EXPECT_TRUE(world.peers[0]->accepted.is_counted);
    EXPECT_TRUE(Works(world, world.NewClient()));
    EXPECT_FALSE(Works(world, world.NewClient()));
    world.peers[0]->stream.Close();
    world.Run(absl::Milliseconds(10));
    EXPECT_TRUE(Works(world, world.NewClient()));
    EXPECT_EQ(world.io.counters().of(ArrivalError::kAddress).value(), 2);
  }
  EXPECT_EQ(addresses.addresses(), 0u);
}

TEST(TlsIo, CountsTheAddressInAProxyHeaderAndNotTheBalancers) {
  SharedAddresses addresses(1);
  SimTlsWorld world(1, {},
                    {.has_proxy_header = true,
                     .trusted = *IpRanges::Parse("10.0.0.0/8"),
                     .addresses = &addresses});
  const auto from = [&world](int last) -> SimTlsClient& {
    return world.NewClient(
        {.preface = absl::StrCat("PROXY TCP4 192.0.2.", last, " 10.0.0.9 4711 443\r\n")});
  };
  EXPECT_TRUE(Works(world, from(1)));
  EXPECT_FALSE(Works(world, from(1)));
  EXPECT_EQ(world.io.counters().of(ArrivalError::kAddress).value(), 1);
  EXPECT_TRUE(Works(world, from(2)));
  EXPECT_EQ(addresses.addresses(), 2u);
}

TEST(TlsIo, DoesNotCountABalancerThatIsTrusted) {
  SharedAddresses addresses(1);
  SimTlsWorld world(1, {}, {.trusted = *IpRanges::Parse("10.0.0.0/8"), .addresses = &addresses});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Works(world, world.NewClient()));
  EXPECT_EQ(addresses.addresses(), 0u);
}

TEST(TlsIo, WhatIsUnderWayArrivesAtAListenerThatStopped) {
  SimTlsWorld world;
  SimTlsClient& client = world.NewClient();
  ASSERT_TRUE(world.RunUntil([&] { return world.io.counters().arrivals.value() == 1; }));
  EXPECT_TRUE(world.io.StopListening(world.listener));
  SimTlsClient& late = world.NewClient();
  EXPECT_TRUE(Works(world, client)) << client.failure;
  EXPECT_TRUE(world.RunUntil([&] { return late.has_end(); }));
  EXPECT_FALSE(world.io.StopListening(world.listener));
  EXPECT_EQ(world.peers.size(), 1u);
}

TEST(TlsIo, WhatArrivesGoesWithItsListener) {
  SimTlsWorld world;
  world.accepts = false;
  for (int i = 0; i < 5; ++i) world.NewClient();
  world.Run(absl::Milliseconds(1));
  world.io.Close(world.listener);
  EXPECT_TRUE(world.RunUntil([&] {
    return std::all_of(world.clients.begin(), world.clients.end(),
                       [](const auto& client) { return client->has_end(); });
  }));
  EXPECT_EQ(world.io.counters().arrivals.value(), 0);
}

}  // namespace
}  // namespace spawner::proxy
