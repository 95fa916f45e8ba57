#include "tests/bench/floor_relay.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "absl/status/status.h"
#include "base/status.h"
#include "tests/bench/limits.h"

namespace spawner::bench {

// One of a pair's two sockets.
struct FloorRelay::Side {
  Pair* pair = nullptr;
  Side* other = nullptr;
  Fd fd;
  uint32_t watched = 0;      // events asked of the poller; 0: not there
  std::string rest;          // to be written before anything else,
  size_t rest_written = 0;   // but for these first bytes
  bool has_ended = false;    // has sent its last byte
  bool is_finished = false;  // was told that the other has
};

struct FloorRelay::Pair {
  Side client;
  Side upstream;
  bool is_over = false;
};

absl::StatusOr<std::unique_ptr<FloorRelay>> FloorRelay::Listen(uint16_t port,
                                                               uint16_t upstream_port) {
  ASSIGN_OR_RETURN(Fd listener, ListenOnLoopback(port));
  return std::unique_ptr<FloorRelay>(new FloorRelay(std::move(listener), upstream_port));
}

FloorRelay::FloorRelay(Fd listener, uint16_t upstream_port)
    : listener_(std::move(listener)), upstream_port_(upstream_port), scratch_(kScratchBytes, '\0') {
  poller_.Add(listener_, EPOLLIN, nullptr);
}

FloorRelay::~FloorRelay() = default;

void FloorRelay::Turn(int64_t wait_ns) {
  for (const epoll_event& event : poller_.Wait(wait_ns)) {
    auto* const side = static_cast<Side*>(event.data.ptr);
    if (side == nullptr) {
      AcceptAll();
    } else if (!side->pair->is_over) {
      OnEvent(*side, event.events);
    }
  }
  ended_.clear();
}

void FloorRelay::AcceptAll() {
  for (Fd fd = Accept(listener_); fd.is_open(); fd = Accept(listener_)) {
    ++counters_.connections;
    Fd upstream = Dial(upstream_port_);
    if (!upstream.is_open()) {
      ++counters_.failed;
      continue;
    }
    auto pair = std::make_unique<Pair>();
    pair->client = {.pair = pair.get(), .other = &pair->upstream, .fd = std::move(fd)};
    pair->upstream = {.pair = pair.get(), .other = &pair->client, .fd = std::move(upstream)};
    Watch(pair->client);
    Watch(pair->upstream);
    const auto descriptor = static_cast<size_t>(pair->client.fd.get());
    if (pairs_.size() <= descriptor) pairs_.resize(descriptor + 1);
    pairs_[descriptor] = std::move(pair);
    ++pair_count_;
  }
}

void FloorRelay::OnEvent(Side& side, uint32_t events) {
  bool is_whole = true;
  if ((events & EPOLLOUT) != 0) is_whole = Flush(side);
  const bool is_to_be_read =
      (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && (side.watched & EPOLLIN) != 0;
  if (is_whole && is_to_be_read) is_whole = Pass(side);
  if (!is_whole) {
    ++counters_.failed;
    End(*side.pair);
  } else if (side.is_finished && side.other->is_finished) {
    End(*side.pair);
  }
}

bool FloorRelay::Flush(Side& side) {
  const ssize_t size = write(side.fd.get(), side.rest.data() + side.rest_written,
                             side.rest.size() - side.rest_written);
  if (size < 0) return errno == EAGAIN;
  side.rest_written += static_cast<size_t>(size);
  if (side.rest_written == side.rest.size()) {
    side.rest = std::string();  // an idle connection owns nothing
    side.rest_written = 0;
    Watch(side);
    Watch(*side.other);
  }
  return true;
}

bool FloorRelay::Pass(Side& source) {
  Side& target = *source.other;
  const ssize_t size = read(source.fd.get(), scratch_.data(), scratch_.size());
  if (size < 0) return errno == EAGAIN;
  if (size == 0) {
    source.has_ended = true;
    target.is_finished = true;
    Watch(source);
    return shutdown(target.fd.get(), SHUT_WR) == 0 || errno == ENOTCONN;
  }
  counters_.bytes += static_cast<uint64_t>(size);
  ssize_t written = write(target.fd.get(), scratch_.data(), static_cast<size_t>(size));
  if (written < 0 && errno != EAGAIN) return false;
  if (written < 0) written = 0;
  if (written < size) {
    target.rest.assign(scratch_, static_cast<size_t>(written), static_cast<size_t>(size - written));
    Watch(target);
    Watch(source);
  }
  return true;
}

// Reads unless it has ended or its target is blocked; not with the poller at all while it waits for
// nothing, or a hang-up would be told over and over.
void FloorRelay::Watch(Side& side) {
  uint32_t wanted = 0;
  if (!side.has_ended && side.other->rest.empty()) wanted |= EPOLLIN;
  if (!side.rest.empty()) wanted |= EPOLLOUT;
  if (wanted == side.watched) return;
  if (side.watched == 0) {
    poller_.Add(side.fd, wanted, &side);
  } else if (wanted == 0) {
    poller_.Remove(side.fd);
  } else {
    poller_.Change(side.fd, wanted, &side);
  }
  side.watched = wanted;
}

void FloorRelay::End(Pair& pair) {
  pair.is_over = true;
  --pair_count_;
  const auto descriptor = static_cast<size_t>(pair.client.fd.get());
  pair.client.fd.Close();
  pair.upstream.fd.Close();
  ended_.push_back(std::move(pairs_[descriptor]));
}

}  // namespace spawner::bench
