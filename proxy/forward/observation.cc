#include "proxy/forward/observation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "proxy/forward/access_log.h"
#include "proxy/forward/client_origin.h"
#include "proxy/forward/session.h"
#include "proxy/forward/trace_context.h"
#include "proxy/io/stream.h"
#include "proxy/route/ignored_path.h"

namespace spawner::proxy {
namespace {

constexpr absl::string_view kUserHeader = "Spawner-User";  // as GrantCheck adds it

}  // namespace

void Observation::BeginRecord(const ClientPeer& peer, const Stream& stream, bool is_secure) {
  record_ = bench_.access_log->Begin();
  if (record_ == nullptr) return;
  const RequestHead& request = bench_.request;
  record_->client = std::string(ClientIp(request, peer, bench_.options.trusted_proxies));
  record_->method = std::string(request.method);
  record_->host = std::string(request.host);
  record_->path = WithoutSecrets(request.path);
  // The streams of HTTP/2 have an Io of their own.
  const bool is_h2 = &stream.io() != &bench_.io;
  record_->protocol = is_h2 ? "HTTP/2" : request.minor_version == 0 ? "HTTP/1.0" : "HTTP/1.1";
  record_->is_secure = is_secure;
  record_->trace = std::string(TraceIdIn(request.fields.Value(FieldName::kTraceparent)));
}

// A good traceparent passes unchanged: this proxy has no span of its own. In place of none, or of a
// malformed one, a new trace may begin here, so that the backend's spans can be found from the
// access log's line.
void Observation::OnSend() {
  sent_at_ = bench_.now;
  if (!bench_.options.makes_traceparent) return;
  bench_.traceparent.clear();
  if (!TraceIdIn(bench_.request.fields.Value(FieldName::kTraceparent)).empty()) return;
  bench_.traceparent = NewTraceparent(bench_.random);
  if (record_ != nullptr) record_->trace = std::string(TraceIdIn(bench_.traceparent));
}

void Observation::OnAllowed(absl::string_view client) {
  client_.assign(client.data(), client.size());
  for (const auto& [name, value] : bench_.decision.add_headers) {
    if (name == kUserHeader) user_ = value;
  }
}

// Once: what waits stays what it was.
bool Observation::Judge(const Route& route, absl::string_view prefix) {
  if (std::exchange(is_judged_, true)) return false;
  absl::string_view path = bench_.request.path;
  path.remove_prefix(std::min(path.size(), prefix.size()));
  is_ignored_ = IsIgnoredPath(route, path);
  return is_ignored_;
}

void Observation::Count(Session& session, size_t in, size_t out) {
  if (!is_ignored_) session.CountBytes(in + out);
  bytes_ += in + out;
  moved_at_ = bench_.now;
  if (record_ == nullptr) return;
  record_->bytes_in += in;
  record_->bytes_out += out;
}

std::string Observation::Timing() const {
  const auto ms = [](absl::Duration duration) {
    return absl::StrFormat("%.1f", absl::ToDoubleMilliseconds(duration));
  };
  const std::string backend = absl::StrCat("backend;dur=", ms(answered_at_ - sent_at_));
  if (!was_held_) return backend;
  return absl::StrCat("hold;dur=", ms(sent_at_ - started_at_), ", ", backend);
}

void Observation::NoteSession(const Session& session) {
  record_->session = session.route().session_id;
  record_->epoch = session.route().epoch;
}

void Observation::CompleteRecord(int status) {
  record_->status = status;
  record_->was_held = was_held_;
  record_->was_sent = sent_at_ != Instant{};
  record_->held = (record_->was_sent ? sent_at_ : bench_.now) - started_at_;
  record_->upstream = (answered_at_ != Instant{} ? answered_at_ : bench_.now) - sent_at_;
  record_->total = bench_.now - started_at_;
}

void Observation::WriteRecord(int status) {
  CompleteRecord(status);
  bench_.access_log->Write(*record_);
  record_.reset();
}

void Observation::GoOnAs(const Tunnel& tunnel) {
  answered_at_ = bench_.now;
  if (record_ == nullptr) return;
  CompleteRecord(101);
  bench_.access_log->Keep(tunnel, std::move(record_));
}

}  // namespace spawner::proxy
