#include "controller/local/watch_stream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "controller/local/limits.h"

namespace spawner::local {
namespace {

// The real server sends a last bookmark so long before a watch's end.
constexpr absl::Duration kLastBookmark = absl::Seconds(2);

void AppendEvent(absl::string_view type, const Json& object, std::string& text) {
  absl::StrAppend(&text, "{\"type\":\"", type, "\",\"object\":", JsonText(object), "}\n");
}

}  // namespace

ApiResult<WatchStream> WatchStream::Open(const ApiPath& path, const ObjectStore& store,
                                         Random& random, Instant now) {
  WatchStream watch;
  watch.resource_ = path.resource;
  watch.ns_ = path.ns;
  watch.name_ = path.name;
  watch.has_bookmarks_ = path.IsQueryTrue("allowWatchBookmarks");
  absl::StatusOr<Selector> selector =
      Selector::Parse(path.Query("labelSelector"), path.Query("fieldSelector"));
  if (!selector.ok()) return BadRequest(std::string(selector.status().message()));
  watch.selector_ = *std::move(selector);

  const absl::string_view from = path.Query("resourceVersion");
  if (!from.empty() && !absl::SimpleAtoi(from, &watch.version_)) {
    return BadRequest(absl::StrCat("resourceVersion: Invalid value: \"", from, "\""));
  }
  watch.is_state_due_ = watch.version_ == 0;
  if (path.IsQueryTrue("sendInitialEvents")) {
    if (path.Query("resourceVersionMatch") != "NotOlderThan" || !watch.has_bookmarks_) {
      return Invalid(path.key(),
                     {{FieldFault::Kind::kForbidden, "sendInitialEvents",
                       "Forbidden: sendInitialEvents requires setting resourceVersionMatch to "
                       "NotOlderThan and allowWatchBookmarks"}});
    }
    watch.is_state_due_ = true;
    watch.is_initial_end_due_ = true;
  }

  absl::Duration timeout =
      kWatchTimeoutMin + absl::Seconds(static_cast<int64_t>(random.Below(
                             static_cast<uint64_t>(absl::ToInt64Seconds(kWatchTimeoutMin)))));
  int64_t seconds = 0;
  if (const absl::string_view wanted = path.Query("timeoutSeconds"); !wanted.empty()) {
    if (!absl::SimpleAtoi(wanted, &seconds) || seconds < 0) {
      return BadRequest("timeoutSeconds: not a number");
    }
    if (seconds > 0) timeout = absl::Seconds(seconds);
  }
  watch.end_ = now + timeout;
  watch.next_bookmark_ = std::min(now + kBookmarkPeriod, watch.end_ - kLastBookmark);
  return watch;
}

WatchStream::Output WatchStream::Take(const ObjectStore& store, Instant now) {
  Output output;
  if (is_state_due_) {
    AppendState(store, output.text);
    is_state_due_ = false;
    version_ = store.version();
  }
  if (is_initial_end_due_) {
    AppendBookmark(/*is_initial_end=*/true, output.text);
    is_initial_end_due_ = false;
  }
  if (!store.IsKept(version_)) {
    AppendEvent(
        "ERROR",
        Expired(absl::StrCat("too old resource version: ", version_, " (", store.version(), ")"))
            .ToStatus(),
        output.text);
    output.is_over = true;
    return output;
  }
  // A version of the future is waited for, as the real server does.
  for (size_t sent = 0; version_ < store.version() && sent < kWatchEventsPerTurn; ++sent) {
    AppendChange(store.ChangeAt(++version_), output.text);
  }
  if (has_bookmarks_ && now >= next_bookmark_ && version_ == store.version()) {
    AppendBookmark(/*is_initial_end=*/false, output.text);
    const Instant last = end_ - kLastBookmark;
    next_bookmark_ = now + kBookmarkPeriod;
    if (next_bookmark_ > last) next_bookmark_ = now < last ? last : Instant::Infinite();
  }
  output.is_over = now >= end_;
  return output;
}

Instant WatchStream::NextWake() const {
  if (is_state_due_ || is_initial_end_due_) return Instant{};
  return has_bookmarks_ ? std::min(end_, next_bookmark_) : end_;
}

bool WatchStream::IsMine(const ObjectKey& key) const {
  return key.resource == resource_ && (ns_.empty() || key.ns == ns_) &&
         (name_.empty() || key.name == name_);
}

void WatchStream::AppendState(const ObjectStore& store, std::string& text) const {
  for (const auto& [key, object] : store.ListAt(resource_, ns_, store.version())) {
    if (IsMine(key) && selector_.Matches(*object)) AppendEvent("ADDED", *object, text);
  }
}

void WatchStream::AppendChange(const Change& change, std::string& text) const {
  if (!IsMine(change.key)) return;
  const bool was_in = change.previous && selector_.Matches(*change.previous);
  const bool is_in = change.type != Change::Type::kDeleted && selector_.Matches(*change.object);
  if (is_in) {
    AppendEvent(was_in ? "MODIFIED" : "ADDED", *change.object, text);
  } else if (was_in) {
    // Gone, or gone from the selection: the state before, with its labels, and the new version.
    Json last = *change.previous;
    last["metadata"]["resourceVersion"] = std::to_string(change.version);
    AppendEvent("DELETED", last, text);
  }
}

void WatchStream::AppendBookmark(bool is_initial_end, std::string& text) const {
  const ResourceInfo& info = InfoOf(resource_);
  Json meta = {{"resourceVersion", std::to_string(version_)}};
  if (is_initial_end) meta["annotations"] = {{"k8s.io/initial-events-end", "true"}};
  AppendEvent("BOOKMARK",
              {{"kind", std::string(info.kind)},
               {"apiVersion", std::string(info.api_version)},
               {"metadata", std::move(meta)}},
              text);
}

}  // namespace spawner::local
