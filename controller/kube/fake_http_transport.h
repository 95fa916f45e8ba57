#ifndef SPAWNER_CONTROLLER_KUBE_FAKE_HTTP_TRANSPORT_H_
#define SPAWNER_CONTROLLER_KUBE_FAKE_HTTP_TRANSPORT_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "controller/kube/http_transport.h"

namespace spawner::kube {

// Notes requests and answers when and how the test says, in chunks of `chunk_size` bytes. Poll does
// nothing: the test calls Head, Data and End in its place.
class FakeHttpTransport final : public HttpTransport {
 public:
  explicit FakeHttpTransport(size_t chunk_size = std::string::npos) : chunk_size_(chunk_size) {}

  RequestId Start(HttpRequest request, HttpHandler* handler) override {
    sent_.push_back(std::move(request));
    open_.emplace(sent_.size(), handler);
    return sent_.size();
  }
  void Cancel(RequestId id) override { open_.erase(id); }
  void SetPaused(RequestId id, bool is_paused) override {
    is_paused ? void(paused_.insert(id)) : void(paused_.erase(id));
  }
  void Poll(absl::Duration max_wait) override {}
  void Wake() override {}
  std::string Describe() const override { return "fake"; }

  // Ids count from 1 in the order of Start.
  const std::vector<HttpRequest>& sent() const { return sent_; }
  RequestId last() const { return sent_.size(); }
  bool IsOpen(RequestId id) const { return open_.count(id) != 0; }
  bool IsPaused(RequestId id) const { return paused_.count(id) != 0; }

  void Head(RequestId id, int code, std::optional<absl::Duration> retry_after = std::nullopt) {
    if (HttpHandler* handler = Find(id)) handler->OnHead(code, retry_after);
  }
  void Data(RequestId id, absl::string_view text) {
    while (!text.empty()) {
      HttpHandler* handler = Find(id);
      if (handler == nullptr) return;
      const absl::string_view chunk = text.substr(0, chunk_size_);
      text.remove_prefix(chunk.size());
      handler->OnData(chunk);
    }
  }
  void End(RequestId id, const absl::Status& status = absl::OkStatus()) {
    HttpHandler* handler = Find(id);
    open_.erase(id);
    if (handler != nullptr) handler->OnEnd(status);
  }
  void Answer(RequestId id, int code, absl::string_view body) {
    Head(id, code);
    Data(id, body);
    End(id);
  }

 private:
  HttpHandler* Find(RequestId id) const {
    const auto it = open_.find(id);
    return it == open_.end() ? nullptr : it->second;
  }

  const size_t chunk_size_;
  std::vector<HttpRequest> sent_;
  std::map<RequestId, HttpHandler*> open_;
  std::set<RequestId> paused_;
};

}  // namespace spawner::kube

#endif  // SPAWNER_CONTROLLER_KUBE_FAKE_HTTP_TRANSPORT_H_
