#include "controller/kube/curl_transport.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status.h"
#include "base/version.h"
#include "controller/kube/limits.h"

namespace spawner::kube {
namespace {

using List = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

void Append(List& list, const std::string& line) {
  curl_slist* const head = curl_slist_append(list.get(), line.c_str());
  SPAWNER_CHECK(head != nullptr);         // out of memory
  if (list == nullptr) list.reset(head);  // else it is the same
}

// A peer that vanished without a word (a node that lost power behind a virtual address) must not
// hold our watches for the quarter of an hour that Linux would try.
int SetTcpUserTimeout(void*, curl_socket_t fd, curlsocktype) {
  const auto ms = static_cast<unsigned>(absl::ToInt64Milliseconds(kTcpSilenceMax));
  // Refused on what is not TCP: then there is nothing to watch over.
  (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
  return CURL_SOCKOPT_OK;
}

// Part of the URL `server`; empty if it has none.
std::string UrlPart(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return "";
  std::string copy(text);
  curl_free(text);
  return copy;
}

long Seconds(absl::Duration d) {  // libcurl's type
  return static_cast<long>(absl::ToInt64Seconds(absl::Ceil(d, absl::Seconds(1))));
}

int WaitMs(absl::Duration d) {
  const absl::Duration bounded = std::clamp(d, absl::ZeroDuration(), absl::Hours(1));
  return static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(bounded, absl::Milliseconds(1))));
}

}  // namespace

// One request and its easy handle.
class CurlTransport::Transfer {
 public:
  Transfer(CurlTransport& owner, RequestId id, HttpRequest request, HttpHandler* handler)
      : owner_(owner), id_(id), request_(std::move(request)), handler_(handler) {}
  ~Transfer() {
    if (easy_ == nullptr) return;
    if (is_added_) curl_multi_remove_handle(owner_.multi_, easy_);
    curl_easy_cleanup(easy_);
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // Hands it to libcurl. An error is the request's end.
  absl::Status Begin(absl::string_view token);
  // No call of the handler any more.
  void Detach() { handler_ = nullptr; }
  void DeliverEnd(const absl::Status& status) {
    owner_.called_handlers_ = true;
    handler_->OnEnd(status);
  }

  RequestId id() const { return id_; }
  CURL* easy() const { return easy_; }
  absl::string_view error_text() const { return error_text_.data(); }
  std::optional<absl::Status> early_end;  // of what libcurl never got

 private:
  template <typename T>
  void Set(CURLoption option, T value) {
    const CURLcode code = curl_easy_setopt(easy_, option, value);
    if (code != CURLE_OK && option_error_ == CURLE_OK) option_error_ = code;
  }
  void SetBlob(CURLoption option, const std::string& text) {
    if (text.empty()) return;
    // `text` is the owner's configuration: no copy.
    curl_blob blob{const_cast<char*>(text.data()), text.size(), CURL_BLOB_NOCOPY};
    Set(option, &blob);
  }
  void SetRequest(absl::string_view token);
  void SetTls();
  void SetTimes();

  static size_t OnHeaderLine(char* data, size_t, size_t size, void* self) {
    return static_cast<Transfer*>(self)->TakeHeaderLine({data, size}) ? size : 0;
  }
  static size_t OnBody(char* data, size_t, size_t size, void* self) {
    return static_cast<Transfer*>(self)->TakeBody({data, size}) ? size : 0;
  }
  // False: the request was cancelled.
  bool TakeHeaderLine(absl::string_view line);
  bool TakeBody(absl::string_view chunk);

  CurlTransport& owner_;
  const RequestId id_;
  const HttpRequest request_;
  HttpHandler* handler_;
  CURL* easy_ = nullptr;
  bool is_added_ = false;
  CURLcode option_error_ = CURLE_OK;
  std::string url_;
  List headers_{nullptr, curl_slist_free_all};
  List connect_to_{nullptr, curl_slist_free_all};
  std::array<char, CURL_ERROR_SIZE> error_text_{};
  int code_ = 0;
  bool is_head_over_ = false;  // what comes after are trailers
  std::optional<absl::Duration> retry_after_;
};

absl::Status CurlTransport::Transfer::Begin(absl::string_view token) {
  easy_ = curl_easy_init();
  if (easy_ == nullptr) return absl::UnavailableError("out of memory");
  SetRequest(token);
  SetTls();
  SetTimes();
  if (option_error_ != CURLE_OK) {
    return absl::UnavailableError(absl::StrCat("libcurl: ", curl_easy_strerror(option_error_)));
  }
  if (const CURLMcode code = curl_multi_add_handle(owner_.multi_, easy_); code != CURLM_OK) {
    return absl::UnavailableError(absl::StrCat("libcurl: ", curl_multi_strerror(code)));
  }
  is_added_ = true;
  return absl::OkStatus();
}

void CurlTransport::Transfer::SetRequest(absl::string_view token) {
  url_ = owner_.base_url_ + request_.path;
  Set(CURLOPT_URL, url_.c_str());
  Set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  if (!request_.body.empty()) {
    Set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    Set(CURLOPT_POSTFIELDS, request_.body.data());
    Append(headers_, absl::StrCat("Content-Type: ", request_.content_type));
    Append(headers_, "Expect:");  // no pause to ask whether the body is welcome
  }
  Append(headers_, "Accept: application/json");
  if (!token.empty()) Append(headers_, absl::StrCat("Authorization: Bearer ", token));
  Set(CURLOPT_HTTPHEADER, headers_.get());
  Set(CURLOPT_USERAGENT, absl::StrCat("spawner/", kVersion).c_str());
  Set(CURLOPT_PRIVATE, this);
  Set(CURLOPT_ERRORBUFFER, error_text_.data());
  Set(CURLOPT_HEADERFUNCTION, &Transfer::OnHeaderLine);
  Set(CURLOPT_HEADERDATA, this);
  Set(CURLOPT_WRITEFUNCTION, &Transfer::OnBody);
  Set(CURLOPT_WRITEDATA, this);
  Set(CURLOPT_PROTOCOLS_STR, "http,https");
  Set(CURLOPT_PROXY, "");
  Set(CURLOPT_PATH_AS_IS, 1L);
  Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  Set(CURLOPT_PIPEWAIT, 1L);  // rather wait for a connection than open one for each request
  if (!owner_.connect_to_.empty()) {
    Append(connect_to_, owner_.connect_to_);
    Set(CURLOPT_CONNECT_TO, connect_to_.get());
  }
}

void CurlTransport::Transfer::SetTls() {
  const KubeConfig& config = owner_.config_;
  Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  SetBlob(CURLOPT_CAINFO_BLOB, config.ca_pem);
  // With an authority of its own, a server must not be vouched for by any of the system's.
  if (!config.ca_pem.empty()) Set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  SetBlob(CURLOPT_SSLCERT_BLOB, config.client_cert_pem);
  SetBlob(CURLOPT_SSLKEY_BLOB, config.client_key_pem);
  if (config.skip_tls_verify) {
    Set(CURLOPT_SSL_VERIFYPEER, 0L);
    Set(CURLOPT_SSL_VERIFYHOST, 0L);
  }
}

void CurlTransport::Transfer::SetTimes() {
  Set(CURLOPT_NOSIGNAL, 1L);
  Set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(absl::ToInt64Milliseconds(kConnectMax)));
  if (request_.is_stream) {
    Set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    Set(CURLOPT_LOW_SPEED_TIME, Seconds(request_.timeout));
  } else {
    Set(CURLOPT_TIMEOUT_MS, static_cast<long>(WaitMs(request_.timeout)));
  }
  Set(CURLOPT_TCP_KEEPALIVE, 1L);
  Set(CURLOPT_TCP_KEEPIDLE, Seconds(kTcpProbeAfter));
  Set(CURLOPT_TCP_KEEPINTVL, Seconds(kTcpProbeEvery));
  Set(CURLOPT_SOCKOPTFUNCTION, &SetTcpUserTimeout);
}

bool CurlTransport::Transfer::TakeHeaderLine(absl::string_view line) {
  if (handler_ == nullptr) return false;
  if (is_head_over_) return true;
  line = absl::StripAsciiWhitespace(line);
  if (absl::StartsWith(line, "HTTP/")) {  // of each head: interim ones have their own
    long code = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &code);
    code_ = static_cast<int>(code);
    retry_after_.reset();
  } else if (absl::StartsWithIgnoreCase(line, "retry-after:")) {
    int64_t seconds = 0;  // an API server never sends a date
    if (absl::SimpleAtoi(line.substr(line.find(':') + 1), &seconds) && seconds >= 0) {
      retry_after_ = absl::Seconds(seconds);
    }
  } else if (line.empty() && code_ >= 200) {
    is_head_over_ = true;
    if (code_ == 401) owner_.token_.Refused();
    owner_.called_handlers_ = true;
    handler_->OnHead(code_, retry_after_);
  }
  return handler_ != nullptr;
}

bool CurlTransport::Transfer::TakeBody(absl::string_view chunk) {
  if (handler_ == nullptr) return false;
  owner_.called_handlers_ = true;
  handler_->OnData(chunk);
  return handler_ != nullptr;
}

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

void CurlTransport::ApplyStartsAndCancels() {
  cancelled_.clear();
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
    ApplyStartsAndCancels();
    int running = 0;
    curl_multi_perform(multi_, &running);
    DeliverEnds();
    if (called_handlers_ || !may_wait) break;
    curl_multi_poll(multi_, nullptr, 0, WaitMs(max_wait), nullptr);
  }
  // What handlers started goes out before the next wait, wherever that is.
  ApplyStartsAndCancels();
}

void CurlTransport::Wake() { curl_multi_wakeup(multi_); }

}  // namespace spawner::kube
