#include "controller/kube/curl_transport.h"

#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/kube/curl_transfer.h"
#include "controller/kube/limits.h"

namespace spawner::kube {
namespace {

// Part of the URL `server`; empty if it has none.
std::string UrlPart(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return "";
  std::string copy(text);
  curl_free(text);
  return copy;
}

}  // namespace

absl::StatusOr<std::unique_ptr<CurlTransport>> CurlTransport::Create(KubeConfig config,
                                                                     const Clock& clock) {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    return absl::InternalError("libcurl does not start");
  }
  absl::Cleanup give_up = [] { curl_global_cleanup(); };
  const int needed = CURL_VERSION_SSL | CURL_VERSION_HTTP2 | CURL_VERSION_ASYNCHDNS;
  if ((curl_version_info(CURLVERSION_NOW)->features & needed) != needed) {
    return absl::InternalError("libcurl was built without TLS, HTTP/2 or asynchronous DNS");
  }
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), curl_url_cleanup);
  if (url == nullptr ||
      curl_url_set(url.get(), CURLUPART_URL, config.server.c_str(), 0) != CURLUE_OK) {
    return absl::InvalidArgumentError(
        absl::StrCat("server: \"", config.server, "\" is not https://HOST:PORT"));
  }
  CURLM* const multi = curl_multi_init();
  if (multi == nullptr) return absl::InternalError("libcurl does not start");
  curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
  // The server's own limit (100 in Kubernetes) is the one that counts.
  curl_multi_setopt(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, 1000L);
  curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, static_cast<long>(kConnectionsMax));
  std::move(give_up).Cancel();
  std::unique_ptr<CurlTransport> transport(new CurlTransport(std::move(config), clock, multi));
  if (const std::string& name = transport->config_.tls_server_name; !name.empty()) {
    // libcurl verifies the host of the URL: so name that, and connect elsewhere.
    const std::string port = UrlPart(url.get(), CURLUPART_PORT);
    transport->connect_to_ =
        absl::StrCat(name, ":", port, ":", UrlPart(url.get(), CURLUPART_HOST), ":", port);
    transport->base_url_ = absl::StrCat(UrlPart(url.get(), CURLUPART_SCHEME), "://", name, ":",
                                        port, UrlPart(url.get(), CURLUPART_PATH));
    if (transport->base_url_.back() == '/') transport->base_url_.pop_back();
  }
  return transport;
}

CurlTransport::CurlTransport(KubeConfig config, const Clock& clock, CURLM* multi)
    : config_(std::move(config)),
      clock_(clock),
      token_(config_.token, config_.token_file),
      base_url_(config_.server),
      multi_(multi) {}

CurlTransport::~CurlTransport() {
  transfers_.clear();
  cancelled_.clear();
  curl_multi_cleanup(multi_);
  curl_global_cleanup();
}

HttpTransport::RequestId CurlTransport::Start(HttpRequest request, HttpHandler* handler) {
  const RequestId id = ++last_id_;
  auto transfer = std::make_unique<Transfer>(*this, id, std::move(request), handler);
  if (transfers_.size() >= kRequestsMax) {
    transfer->early_end = absl::UnavailableError(
        absl::StrCat("more than ", kRequestsMax, " requests in flight to ", config_.server));
  }
  transfers_.emplace(id, std::move(transfer));
  starting_.push_back(id);
  return id;
}

void CurlTransport::Cancel(RequestId id) {
  const auto it = transfers_.find(id);
  if (it == transfers_.end()) return;
  it->second->Detach();
  cancelled_.push_back(std::move(it->second));  // it may be in one of its own callbacks
  transfers_.erase(it);
}

void CurlTransport::SetPaused(RequestId id, bool is_paused) {
  const auto it = transfers_.find(id);
  if (it != transfers_.end() && it->second->SetPaused(is_paused)) resuming_.push_back(id);
}

// Those never take a place from the others.
void CurlTransport::CountPausable(int change) {
  pausable_ += change;
  curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                    static_cast<long>(kConnectionsMax + pausable_));
}

void CurlTransport::ApplyOrders() {
  cancelled_.clear();
  for (const RequestId id : std::exchange(resuming_, {})) {
    const auto it = transfers_.find(id);
    if (it != transfers_.end()) it->second->Resume();
  }
  for (const RequestId id : std::exchange(starting_, {})) {
    const auto it = transfers_.find(id);
    if (it == transfers_.end()) continue;  // cancelled
    Transfer& transfer = *it->second;
    const absl::StatusOr<std::string> token = token_.Get(clock_.Now());
    absl::Status begun = transfer.early_end.value_or(token.status());
    if (begun.ok()) begun = transfer.Begin(*token);
    if (begun.ok()) continue;
    // Not from within this loop: its handler may start and cancel.
    const std::unique_ptr<Transfer> owned = std::move(it->second);
    transfers_.erase(it);
    owned->DeliverEnd(begun);
  }
}

absl::Status CurlTransport::ErrorOf(const Transfer& transfer, CURLcode code) const {
  const absl::string_view why =
      transfer.error_text().empty() ? curl_easy_strerror(code) : transfer.error_text();
  curl_off_t connected = 0;
  curl_easy_getinfo(transfer.easy(), CURLINFO_PRETRANSFER_TIME_T, &connected);
  const absl::string_view what = connected == 0 ? "connect to " : "answer of ";
  std::string message = absl::StrCat(what, config_.server, ": ", why);
  long os_error = 0;
  curl_easy_getinfo(transfer.easy(), CURLINFO_OS_ERRNO, &os_error);
  if (connected == 0 && os_error != 0) {
    absl::StrAppend(&message, ": ", std::generic_category().message(static_cast<int>(os_error)));
  }
  if (code == CURLE_SSL_CERTPROBLEM) return absl::UnauthenticatedError(message);
  return absl::UnavailableError(message);
}

void CurlTransport::DeliverEnds() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    Transfer* transfer = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    const auto it = transfers_.find(transfer->id());
    if (it == transfers_.end()) continue;  // cancelled
    const std::unique_ptr<Transfer> owned = std::move(it->second);
    transfers_.erase(it);
    owned->DeliverEnd(code == CURLE_OK ? absl::OkStatus() : ErrorOf(*owned, code));
  }
}

void CurlTransport::Poll(absl::Duration max_wait) {
  called_handlers_ = false;
  for (const bool may_wait : {true, false}) {
    ApplyOrders();
    int running = 0;
    curl_multi_perform(multi_, &running);
    DeliverEnds();
    if (called_handlers_ || !may_wait) break;
    curl_multi_poll(multi_, nullptr, 0, WaitMs(max_wait), nullptr);
  }
  // What handlers started goes out before the next wait, wherever that is.
  ApplyOrders();
}

void CurlTransport::Wake() { curl_multi_wakeup(multi_); }

}  // namespace spawner::kube
