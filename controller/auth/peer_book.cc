#include "controller/auth/peer_book.h"

#include <arpa/inet.h>

#include <cstring>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/address.h"
#include "base/status.h"
#include "controller/auth/limits.h"

namespace spawner::auth {
namespace {

absl::Status TooMany(absl::string_view peer, absl::string_view why, absl::Duration wait) {
  return WithRetryAfter(WithReason(absl::ResourceExhaustedError(absl::StrCat(
                                       "authenticate: calls from ", peer.empty() ? "there" : peer,
                                       " ", why, "; try again in ", absl::FormatDuration(wait))),
                                   "RATE_LIMITED", {{"quota", "calls_of_a_peer"}, {"peer", peer}}),
                        wait);
}

}  // namespace

PeerBook::Peer* PeerBook::Find(const std::string& peer, Instant now) {
  const auto found = peers_.find(peer);
  if (found != peers_.end()) return &found->second;
  if (peers_.size() >= kPeersMax) {
    absl::erase_if(peers_, [now](const auto& entry) {
      return entry.second.asking == 0 && entry.second.refusals.IsFull(now);
    });
    if (peers_.size() >= kPeersMax) return nullptr;
  }
  const TokenBucket full(kRefusalsPerSecond, kRefusalsAtOnce, now);
  return &peers_.emplace(peer, Peer{full}).first->second;
}

absl::Status PeerBook::Begin(const std::string& peer, Instant now) {
  Peer* known = Find(peer, now);
  if (known == nullptr) {
    return TooMany(peer, "are too many beside those of all other addresses", kUnreachableRetry);
  }
  const absl::Duration wait = known->refusals.WaitFor(now);
  if (wait > absl::ZeroDuration()) {
    return TooMany(peer,
                   absl::StrCat("were refused more than ", kRefusalsPerSecond,
                                " times a second: look for the program whose token is not good, or "
                                "that asks for what it may not"),
                   wait);
  }
  if (known->asking >= kReviewsPerPeerMax) {
    return TooMany(
        peer,
        absl::StrCat("wait for ", kReviewsPerPeerMax, " answers on who they are and what they may"),
        kUnreachableRetry);
  }
  ++known->asking;
  return absl::OkStatus();
}

void PeerBook::End(const std::string& peer, bool was_refused, Instant now) {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return;
  --found->second.asking;
  // Those on their way when the last one was used up owe nothing more.
  if (was_refused && found->second.refusals.WaitFor(now) == absl::ZeroDuration()) {
    found->second.refusals.Take(now);
  }
}

std::string PeerOf(absl::string_view address) {
  const absl::StatusOr<Address> parsed = ParseAddress(address, /*allow_port_zero=*/true);
  if (!parsed.ok()) return std::string(address);
  in6_addr bits{};
  if (inet_pton(AF_INET6, parsed->ip.c_str(), &bits) != 1) return parsed->ip;
  char text[INET6_ADDRSTRLEN] = {};
  if (IN6_IS_ADDR_V4MAPPED(&bits)) {
    inet_ntop(AF_INET, &bits.s6_addr[12], text, sizeof(text));
    return text;
  }
  std::memset(&bits.s6_addr[8], 0, 8);
  inet_ntop(AF_INET6, &bits, text, sizeof(text));
  return absl::StrCat(text, "/64");
}

}  // namespace spawner::auth
