#include "controller/kube/curl_transfer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/version.h"
#include "controller/kube/limits.h"

namespace spawner::kube {
namespace {

// A peer that vanished without a word (a node that lost power behind a virtual address) must not
// hold our watches for the quarter of an hour that Linux would try.
int SetTcpUserTimeout(void*, curl_socket_t fd, curlsocktype) {
  const auto ms = static_cast<unsigned>(absl::ToInt64Milliseconds(kTcpSilenceMax));
  // Refused on what is not TCP: then there is nothing to watch over.
  (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
  return CURL_SOCKOPT_OK;
}

long Seconds(absl::Duration d) {  // libcurl's type
  return static_cast<long>(absl::ToInt64Seconds(absl::Ceil(d, absl::Seconds(1))));
}

}  // namespace

void CurlTransport::Transfer::Append(List& list, const std::string& line) {
  curl_slist* const head = curl_slist_append(list.get(), line.c_str());
  SPAWNER_CHECK(head != nullptr);         // out of memory
  if (list == nullptr) list.reset(head);  // else it is the same
}

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
  if (request_.is_pausable) owner_.CountPausable(1);
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
  if (request_.is_pausable) {
    Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    Set(CURLOPT_FORBID_REUSE, 1L);
  } else {
    Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    Set(CURLOPT_PIPEWAIT, 1L);  // rather wait for a connection than open one for each request
  }
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
  if (request_.is_stream && request_.timeout == absl::InfiniteDuration()) {
    // TCP says if the peer is gone.
  } else if (request_.is_stream) {
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

size_t CurlTransport::Transfer::TakeBody(absl::string_view chunk) {
  if (handler_ == nullptr) return 0;
  if (wants_pause_) {
    is_resting_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  owner_.called_handlers_ = true;
  handler_->OnData(chunk);
  return handler_ == nullptr ? 0 : chunk.size();
}

void CurlTransport::Transfer::Resume() {
  if (!is_resting_ || wants_pause_) return;
  is_resting_ = false;
  // An error is the transfer's, which ends with it in the next perform.
  (void)curl_easy_pause(easy_, CURLPAUSE_CONT);
}

}  // namespace spawner::kube
