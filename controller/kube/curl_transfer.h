#ifndef SPAWNER_CONTROLLER_KUBE_CURL_TRANSFER_H_
#define SPAWNER_CONTROLLER_KUBE_CURL_TRANSFER_H_

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "controller/kube/curl_transport.h"

namespace spawner::kube {

// libcurl's milliseconds: rounded up, an hour at most.
inline int WaitMs(absl::Duration d) {
  const absl::Duration bounded = std::clamp(d, absl::ZeroDuration(), absl::Hours(1));
  return static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(bounded, absl::Milliseconds(1))));
}

// One request and its easy handle. Of CurlTransport alone.
class CurlTransport::Transfer {
 public:
  Transfer(CurlTransport& owner, RequestId id, HttpRequest request, HttpHandler* handler)
      : owner_(owner), id_(id), request_(std::move(request)), handler_(handler) {}
  ~Transfer() {
    if (easy_ == nullptr) return;
    if (is_added_) curl_multi_remove_handle(owner_.multi_, easy_);
    curl_easy_cleanup(easy_);
    if (is_added_ && request_.is_pausable) owner_.CountPausable(-1);
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

  // True: it rests within libcurl, and Resume must be called.
  bool SetPaused(bool is_paused) {
    wants_pause_ = is_paused;
    return is_resting_ && !is_paused;
  }
  // May call the handler.
  void Resume();

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
    return static_cast<Transfer*>(self)->TakeBody({data, size});
  }
  // False: the request was cancelled.
  bool TakeHeaderLine(absl::string_view line);
  // What libcurl wants to hear: how much was taken, 0 (cancelled), or that it shall come again.
  size_t TakeBody(absl::string_view chunk);

  CurlTransport& owner_;
  const RequestId id_;
  const HttpRequest request_;
  HttpHandler* handler_;
  CURL* easy_ = nullptr;
  bool is_added_ = false;
  CURLcode option_error_ = CURLE_OK;
  std::string url_;
  using List = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;
  static void Append(List& list, const std::string& line);

  List headers_{nullptr, curl_slist_free_all};
  List connect_to_{nullptr, curl_slist_free_all};
  std::array<char, CURL_ERROR_SIZE> error_text_{};
  int code_ = 0;
  bool is_head_over_ = false;  // what comes after are trailers
  bool wants_pause_ = false;
  bool is_resting_ = false;  // libcurl was told to stop
  std::optional<absl::Duration> retry_after_;
};

}  // namespace spawner::kube

#endif  // SPAWNER_CONTROLLER_KUBE_CURL_TRANSFER_H_
