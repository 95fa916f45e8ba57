#include "controller/kube/counting_transport.h"

#include "controller/kube/api_path.h"

namespace spawner::kube {

// Stands between the inner transport and one request's handler. Any call of the handler may cancel
// the request, and with it end this object: nothing is touched after it.
class CountingTransport::Tap final : public HttpHandler {
 public:
  Tap(CountingTransport& owner, RequestLabels labels, HttpHandler* handler)
      : owner_(owner), labels_(std::move(labels)), handler_(handler) {}

  void set_id(RequestId id) { id_ = id; }

  void OnHead(int code, std::optional<absl::Duration> retry_after) override {
    Count(code);
    handler_->OnHead(code, retry_after);
  }
  void OnData(absl::string_view chunk) override { handler_->OnData(chunk); }
  void OnEnd(const absl::Status& status) override {
    if (!is_counted_) Count(0);
    const auto self = owner_.taps_.extract(id_);
    handler_->OnEnd(status);
  }

 private:
  void Count(int code) {
    is_counted_ = true;
    labels_.code = code;
    ++owner_.counts_[labels_];
  }

  CountingTransport& owner_;
  RequestLabels labels_;
  HttpHandler* const handler_;
  RequestId id_ = 0;
  bool is_counted_ = false;
};

CountingTransport::CountingTransport(HttpTransport& inner) : inner_(inner) {}

CountingTransport::~CountingTransport() {
  for (const auto& [id, tap] : taps_) inner_.Cancel(id);
}

HttpTransport::RequestId CountingTransport::Start(HttpRequest request, HttpHandler* handler) {
  RequestName name = NameRequest(request.method, request.path);
  auto tap = std::make_unique<Tap>(
      *this, RequestLabels{std::move(name.verb), std::move(name.resource)}, handler);
  const RequestId id = inner_.Start(std::move(request), tap.get());
  tap->set_id(id);
  taps_.emplace(id, std::move(tap));
  return id;
}

void CountingTransport::Cancel(RequestId id) {
  inner_.Cancel(id);
  taps_.erase(id);
}

}  // namespace spawner::kube
