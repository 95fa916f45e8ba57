#include "proxy/h2/request_text.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "proxy/h2/limits.h"
#include "proxy/http/append.h"
#include "proxy/http/chars.h"
#include "proxy/http/limits.h"

namespace spawner::proxy::h2 {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t'; }

}  // namespace

bool RequestText::IsConnectionField(absl::string_view name) {
  return name == "connection" || name == "keep-alive" || name == "proxy-connection" ||
         name == "transfer-encoding" || name == "upgrade" || name == "http2-settings";
}

bool RequestText::IsGoodField(absl::string_view name, absl::string_view value) {
  if (name.empty() || !AllAre(name, kTokenChar) || IsConnectionField(name)) return false;
  for (const char c : name) {
    if (absl::ascii_isupper(static_cast<unsigned char>(c))) return false;
  }
  if (name == "te" && value != "trailers") return false;
  if (value.empty()) return true;
  return AreValueChars(value) && !IsSpace(value.front()) && !IsSpace(value.back());
}

void RequestText::Reset() {
  verdict_ = Verdict::kGood;
  list_bytes_ = 0;
  has_regular_ = has_length_ = has_host_ = false;
  for (std::string* const text :
       {&method_, &protocol_, &scheme_, &authority_, &path_, &host_, &cookie_, &fields_, &head_}) {
    text->clear();
    // Most connections are idle, and keep it.
    if (text->capacity() > kKeptTextBytes) *text = std::string();
  }
  framing_ = InboundText::Framing::kNone;
}

void RequestText::Add(absl::string_view name, absl::string_view value) {
  list_bytes_ += name.size() + value.size() + kFieldOverheadBytes;
  if (list_bytes_ > kHeadBytesMax && verdict_ == Verdict::kGood) verdict_ = Verdict::kTooLarge;
  if (verdict_ != Verdict::kGood) return;
  if (absl::StartsWith(name, ":")) return AddPseudo(name, value);
  has_regular_ = true;
  if (!IsGoodField(name, value)) {
    verdict_ = Verdict::kMalformed;
    return;
  }
  AddRegular(name, value);
}

void RequestText::Take(absl::string_view value, std::string* where) {
  // What a target may hold is the widest of all: no space, no control, and no end of a line.
  if (!where->empty() || value.empty() || !AllAre(value, kTargetChar)) {
    verdict_ = Verdict::kMalformed;
    return;
  }
  where->assign(value.data(), value.size());
}

void RequestText::AddPseudo(absl::string_view name, absl::string_view value) {
  if (!has_regular_) {
    if (name == ":method") return Take(value, &method_);
    if (name == ":scheme") return Take(value, &scheme_);
    if (name == ":authority") return Take(value, &authority_);
    if (name == ":path") return Take(value, &path_);
    if (name == ":protocol") return Take(value, &protocol_);
  }
  verdict_ = Verdict::kMalformed;
}

void RequestText::AddRegular(absl::string_view name, absl::string_view value) {
  if (name == "host") {
    if (has_host_) verdict_ = Verdict::kMalformed;
    has_host_ = true;
    host_.assign(value.data(), value.size());
    return;
  }
  if (name == "cookie") {
    // RFC 9113 8.2.3: the crumbs are one field to HTTP/1.1.
    AppendAll({cookie_.empty() ? "" : "; ", value}, &cookie_);
    return;
  }
  if (name == "content-length") has_length_ = true;
  // RFC 8441 5: there is none, and ours follows.
  if (name == "sec-websocket-key" && is_websocket()) return;
  AppendAll({name, ": ", value, "\r\n"}, &fields_);
}

RequestText::Verdict RequestText::Finish(bool ends) {
  if (verdict_ != Verdict::kGood) return verdict_;
  // RFC 9113 8.3.1: two names for one host, of which a cache or a check sees the other.
  const bool differs =
      has_host_ && !authority_.empty() && !absl::EqualsIgnoreCase(host_, authority_);
  // CONNECT comes without a path: its parser refuses it by its name.
  const bool is_connect = method_ == "CONNECT";
  const bool is_whole = !method_.empty() && (is_connect ? !authority_.empty() && path_.empty()
                                                        : !path_.empty() && !scheme_.empty());
  if (differs) return verdict_ = Verdict::kMalformed;
  if (is_websocket()) return FinishWebSocket(ends);
  if (!is_whole) return verdict_ = Verdict::kMalformed;
  const std::string& host = authority_.empty() ? host_ : authority_;
  // RFC 9110 8.6: without a length and with a body the length is not known yet.
  const bool is_chunked = !has_length_ && !ends;
  AppendAll({method_, " ", is_connect ? authority_ : path_, " HTTP/1.1\r\n"}, &head_);
  if (!host.empty()) AppendAll({"host: ", host, "\r\n"}, &head_);
  head_ += fields_;
  if (!cookie_.empty()) AppendAll({"cookie: ", cookie_, "\r\n"}, &head_);
  if (is_chunked) head_ += "transfer-encoding: chunked\r\n";
  head_ += "\r\n";
  framing_ = ends         ? InboundText::Framing::kNone
             : is_chunked ? InboundText::Framing::kChunked
                          : InboundText::Framing::kPlain;
  if (head_.size() > kHeadBytesMax) return verdict_ = Verdict::kTooLarge;
  return verdict_;
}

// RFC 8441 4: as the upgrade of HTTP/1.1 that it stands for.
RequestText::Verdict RequestText::FinishWebSocket(bool ends) {
  const bool is_whole = method_ == "CONNECT" && !scheme_.empty() && !authority_.empty() &&
                        !path_.empty() && !has_length_;
  if (!is_whole || ends || !absl::EqualsIgnoreCase(protocol_, "websocket")) {
    return verdict_ = Verdict::kMalformed;
  }
  AppendAll({"GET ", path_, " HTTP/1.1\r\nhost: ", authority_,
             "\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: ", kWebSocketKey,
             "\r\n", fields_},
            &head_);
  if (!cookie_.empty()) AppendAll({"cookie: ", cookie_, "\r\n"}, &head_);
  head_ += "\r\n";
  framing_ = InboundText::Framing::kPlain;
  if (head_.size() > kHeadBytesMax) return verdict_ = Verdict::kTooLarge;
  return verdict_;
}

}  // namespace spawner::proxy::h2
