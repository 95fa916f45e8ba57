#include "controller/local/api_server.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "base/time_text.h"
#include "controller/local/limits.h"
#include "controller/local/object_rules.h"
#include "controller/local/object_schema.h"
#include "controller/local/pod_rules.h"
#include "controller/local/selector.h"

namespace spawner::local {
namespace {

constexpr uint32_t kUidVersionMask = 0x0fff;

ApiResult<Json> ParseBody(absl::string_view body) {
  if (body.size() > kBodyBytesMax) return BodyTooLarge();
  absl::StatusOr<Json> parsed = ParseJson(body);
  if (!parsed.ok()) return BadRequest(std::string(parsed.status().message()));
  if (!parsed->is_object()) return BadRequest("the body is not a JSON object");
  return *std::move(parsed);
}

// Where a list that `limit` has cut goes on: the version it began at, and the last key sent.
struct Continuation {
  uint64_t version = 0;
  std::string ns;
  std::string name;
};

std::string EncodeContinuation(const Continuation& at) {
  return absl::WebSafeBase64Escape(absl::StrCat(at.version, "/", at.ns, "/", at.name));
}

std::optional<Continuation> DecodeContinuation(absl::string_view token) {
  std::string text;
  if (!absl::WebSafeBase64Unescape(token, &text)) return std::nullopt;
  const size_t first = text.find('/');
  if (first == std::string::npos) return std::nullopt;
  const size_t second = text.find('/', first + 1);
  Continuation at;
  if (second == std::string::npos || !absl::SimpleAtoi(text.substr(0, first), &at.version)) {
    return std::nullopt;
  }
  at.ns = text.substr(first + 1, second - first - 1);
  at.name = text.substr(second + 1);
  return at;
}

struct ListOptions {
  Selector selector;
  uint64_t version = 0;
  size_t limit = kListMax;
  std::optional<Continuation> after;
};

ApiResult<ListOptions> ParseListOptions(const ApiPath& path, const ObjectStore& store) {
  ListOptions options;
  absl::StatusOr<Selector> selector =
      Selector::Parse(path.Query("labelSelector"), path.Query("fieldSelector"));
  if (!selector.ok()) return BadRequest(std::string(selector.status().message()));
  options.selector = *std::move(selector);
  options.version = store.version();
  if (const absl::string_view limit = path.Query("limit"); !limit.empty()) {
    if (!absl::SimpleAtoi(limit, &options.limit)) return BadRequest("limit: not a number");
    if (options.limit == 0 || options.limit > kListMax) options.limit = kListMax;
  }
  if (const absl::string_view token = path.Query("continue"); !token.empty()) {
    options.after = DecodeContinuation(token);
    if (!options.after || options.after->version > store.version()) {
      return BadRequest("continue key is not valid");
    }
    options.version = options.after->version;
    if (!store.IsKept(options.version)) {
      return Expired(
          "The provided continue parameter is too old to display a consistent list result. You "
          "must start a new list without the continue parameter.");
    }
  } else if (const absl::string_view from = path.Query("resourceVersion"); !from.empty()) {
    uint64_t version = 0;
    if (!absl::SimpleAtoi(from, &version)) {
      return BadRequest(absl::StrCat("resourceVersion: Invalid value: \"", from, "\""));
    }
    if (version > store.version()) {
      return ServerError(504, absl::StrCat("Too large resource version: ", version,
                                           ", current: ", store.version()));
    }
  }
  return options;
}

// `dryRun=All`: everything but the write. Another value is a 422 of the real one.
ApiResult<bool> IsDryRun(const ApiPath& path) {
  const absl::string_view value = path.Query("dryRun");
  if (value.empty() || value == "All") return !value.empty();
  return Invalid(path.key(),
                 {{FieldFault::Kind::kNotSupported, "dryRun",
                   absl::StrCat("Unsupported value: \"", value, "\": supported values: \"All\"")}});
}

struct DeleteRequest {
  std::optional<int64_t> grace_seconds;
  std::string uid;
  std::string version;
};

ApiResult<DeleteRequest> ParseDelete(const ApiPath& path, absl::string_view body) {
  DeleteRequest request;
  if (!body.empty()) {
    ApiResult<Json> options = ParseBody(body);
    if (!options.ok()) return options.error();
    absl::Status error;
    const JsonReader reader(options.value(), "", error);
    request.grace_seconds = reader.Int("gracePeriodSeconds");
    const JsonReader preconditions = reader.Object("preconditions");
    request.uid = preconditions.String("uid");
    request.version = preconditions.String("resourceVersion");
    if (!error.ok()) return BadRequest(std::string(error.message()));
  }
  if (const absl::string_view grace = path.Query("gracePeriodSeconds"); !grace.empty()) {
    int64_t seconds = 0;
    if (!absl::SimpleAtoi(grace, &seconds)) return BadRequest("gracePeriodSeconds: not a number");
    request.grace_seconds = seconds;
  }
  if (request.grace_seconds.value_or(0) < 0) request.grace_seconds = kGraceSecondsOfNegative;
  if (request.grace_seconds.value_or(0) > kGraceSecondsMax) {
    return Invalid(path.key(), {{FieldFault::Kind::kInvalid, "gracePeriodSeconds",
                                 absl::StrCat("Invalid value: ", *request.grace_seconds,
                                              ": must be at most ", kGraceSecondsMax)}});
  }
  return request;
}

// The Status that answers a DELETE of what does not come back as an object.
Json DeletedStatus(const ObjectKey& key, const Json& object) {
  const ResourceInfo& info = InfoOf(key.resource);
  Json details = {
      {"name", key.name}, {"kind", std::string(info.plural)}, {"uid", MetaText(object, "uid")}};
  if (!info.group.empty()) details["group"] = std::string(info.group);
  return {{"kind", "Status"},
          {"apiVersion", "v1"},
          {"metadata", Json::object()},
          {"status", "Success"},
          {"details", std::move(details)}};
}

bool IsFinalPhase(const Json& pod) {
  const std::string phase = pod.at("status").value("phase", "");
  return phase == "Succeeded" || phase == "Failed";
}

}  // namespace

ApiServer::ApiServer(ObjectStore& store, const Clock& clock, Random& random, PodCheck pod_check)
    : store_(store), clock_(clock), random_(random), pod_check_(std::move(pod_check)) {}

ApiResult<Json> ApiServer::Get(const ApiPath& path) const {
  const Object found = store_.Find(path.key());
  if (!found) return NotFound(path.key());
  return *found;
}

ApiResult<Json> ApiServer::List(const ApiPath& path) const {
  ApiResult<ListOptions> parsed = ParseListOptions(path, store_);
  if (!parsed.ok()) return parsed.error();
  const ListOptions& options = parsed.value();
  const ResourceInfo& info = InfoOf(path.resource);
  Json items = Json::array();
  Json meta = {{"resourceVersion", std::to_string(options.version)}};
  Continuation last{.version = options.version};
  const ObjectKey after = options.after.has_value()
                              ? ObjectKey{path.resource, options.after->ns, options.after->name}
                              : ObjectKey{path.resource, "", ""};
  store_.WalkAt(path.resource, path.ns, options.version, after,
                [&](const ObjectKey& key, const Object& object) {
                  if (!options.selector.Matches(*object)) return true;
                  if (items.size() == options.limit) {
                    meta["continue"] = EncodeContinuation(last);
                    return false;
                  }
                  Json item = *object;
                  item.erase("kind");  // as the real one: only the list says them
                  item.erase("apiVersion");
                  items.push_back(std::move(item));
                  last.ns = key.ns;
                  last.name = key.name;
                  return true;
                });
  return Json{{"kind", absl::StrCat(info.kind, "List")},
              {"apiVersion", std::string(info.api_version)},
              {"metadata", std::move(meta)},
              {"items", std::move(items)}};
}

ApiResult<Json> ApiServer::Create(const ApiPath& path, absl::string_view body) {
  ApiResult<bool> is_dry = IsDryRun(path);
  if (!is_dry.ok()) return is_dry.error();
  ApiResult<Json> parsed = ParseBody(body);
  if (!parsed.ok()) return parsed.error();
  Json object = std::move(parsed.value());
  if (auto error = DecodeObject(path.resource, object)) return *std::move(error);
  Json& meta = object["metadata"];
  const ObjectKey key{path.resource, path.ns, meta.value("name", "")};
  if (meta.value("namespace", path.ns) != path.ns) {
    return BadRequest(
        "the namespace of the provided object does not match the namespace sent on the request");
  }
  if (!meta.value("resourceVersion", "").empty()) {
    return BadRequest("resourceVersion should not be set on objects to be created");
  }
  std::vector<FieldFault> faults;
  CheckMeta(object, faults);
  CheckContent(path.resource, object, faults);
  if (path.resource == Resource::kPods) {
    CheckNewPod(object, faults);
    if (faults.empty()) pod_check_(object, faults);
  }
  if (path.resource == Resource::kPodTemplates) CheckPodTemplate(object, faults);
  if (!faults.empty()) return Invalid(key, std::move(faults));
  if (store_.Find(key)) return AlreadyExists(key);
  if (store_.size() >= kObjectsMax) {
    return Forbidden(key, absl::StrCat("local mode keeps at most ", kObjectsMax, " objects"));
  }
  meta["namespace"] = path.ns;
  meta["uid"] = NewUid();
  meta["creationTimestamp"] = FormatRfc3339(clock_.WallNow());
  meta.erase("deletionTimestamp");
  meta.erase("deletionGracePeriodSeconds");
  if (is_dry.value()) return object;
  return *store_.Put(key, std::move(object));
}

ApiResult<Json> ApiServer::Replace(const ApiPath& path, absl::string_view body) {
  ApiResult<Json> parsed = ParseBody(body);
  if (!parsed.ok()) return parsed.error();
  Json object = std::move(parsed.value());
  if (auto error = DecodeObject(path.resource, object)) return *std::move(error);
  if (MetaText(object, "name") != path.name) {
    return BadRequest(absl::StrCat("the name of the object (", MetaText(object, "name"),
                                   ") does not match the name on the URL (", path.name, ")"));
  }
  const Object before = store_.Find(path.key());
  if (!before) return NotFound(path.key());
  // Of an update, unlike of a patch, the uid is a precondition.
  const std::string uid = MetaText(object, "uid");
  const std::string found_uid = MetaText(*before, "uid");
  if (!uid.empty() && uid != found_uid) {
    return PreconditionConflict(path.key(), "UID", uid, found_uid);
  }
  if (path.resource == Resource::kLeases && MetaText(object, "resourceVersion").empty()) {
    return Invalid(path.key(), {{FieldFault::Kind::kInvalid, "metadata.resourceVersion",
                                 "Invalid value: 0: must be specified for an update"}});
  }
  return Update(path, *before, std::move(object));
}

ApiResult<Json> ApiServer::MergePatch(const ApiPath& path, absl::string_view body) {
  ApiResult<Json> patch = ParseBody(body);
  if (!patch.ok()) return patch.error();
  const Object before = store_.Find(path.key());
  if (!before) return NotFound(path.key());
  Json object = *before;
  object.merge_patch(patch.value());  // RFC 7386
  if (auto error = DecodeObject(path.resource, object)) return *std::move(error);
  return Update(path, *before, std::move(object));
}

ApiResult<Json> ApiServer::Update(const ApiPath& path, const Json& before, Json object) {
  ApiResult<bool> is_dry = IsDryRun(path);
  if (!is_dry.ok()) return is_dry.error();
  const ObjectKey key = path.key();
  const std::string version = MetaText(object, "resourceVersion");
  if (!version.empty() && version != MetaText(before, "resourceVersion")) {
    return ModifiedConflict(key);
  }
  std::vector<FieldFault> faults;
  if (path.subresource == "status") CarryAllButStatus(before, object);
  CarryMeta(before, object, faults);
  CheckMeta(object, faults);
  if (path.subresource != "status") {
    CheckContentUpdate(path.resource, before, object, faults);
    if (path.resource == Resource::kPods) CheckPodUpdate(before, object, faults);
    if (path.resource == Resource::kPodTemplates) CheckPodTemplate(object, faults);
  }
  if (!faults.empty()) return Invalid(key, std::move(faults));
  object["metadata"]["resourceVersion"] = MetaText(before, "resourceVersion");
  if (object == before || is_dry.value()) return object;  // as the real one: no new version
  const bool is_freed = IsBeingDeleted(object) && !HasFinalizers(object) &&
                        object["metadata"].value("deletionGracePeriodSeconds", 0) == 0;
  if (is_freed) {
    object["metadata"]["resourceVersion"] = MetaText(*store_.Remove(key), "resourceVersion");
    return object;
  }
  return *store_.Put(key, std::move(object));
}

ApiResult<Json> ApiServer::Delete(const ApiPath& path, absl::string_view body) {
  ApiResult<DeleteRequest> parsed = ParseDelete(path, body);
  if (!parsed.ok()) return parsed.error();
  const DeleteRequest& request = parsed.value();
  const ObjectKey key = path.key();
  const Object found = store_.Find(key);
  if (!found) return NotFound(key);
  const std::string uid = MetaText(*found, "uid");
  if (!request.uid.empty() && request.uid != uid) {
    return PreconditionConflict(key, "UID", request.uid, uid);
  }
  const std::string version = MetaText(*found, "resourceVersion");
  if (!request.version.empty() && request.version != version) {
    return PreconditionConflict(key, "ResourceVersion", request.version, version);
  }
  if (body.empty()) {  // as the real one: a body says all there is
    ApiResult<bool> is_dry = IsDryRun(path);
    if (!is_dry.ok()) return is_dry.error();
    if (is_dry.value()) return *found;
  }
  if (key.resource == Resource::kPods) return DeletePod(key, *found, request.grace_seconds);
  const Object last = DeleteNow(key, *found);
  if (InfoOf(key.resource).returns_deleted || store_.Find(key)) return *last;
  return DeletedStatus(key, *last);
}

ApiResult<Json> ApiServer::DeletePod(const ObjectKey& key, Json pod,
                                     std::optional<int64_t> grace_seconds) {
  const Json& spec = pod["spec"];
  int64_t grace =
      grace_seconds.value_or(spec.value("terminationGracePeriodSeconds", kGraceSecondsDefault));
  // As kube-apiserver: nobody would end the grace of a pod on no node, or of one that is over.
  if (spec.value("nodeName", "").empty() || IsFinalPhase(pod)) grace = 0;
  Json& meta = pod["metadata"];
  if (IsBeingDeleted(pod)) {
    const int64_t present = meta.value("deletionGracePeriodSeconds", int64_t{0});
    if (!grace_seconds || grace >= present) return pod;  // a second delete can only shorten
  }
  if (grace == 0) return *DeleteNow(key, std::move(pod));
  meta["deletionTimestamp"] = FormatRfc3339(clock_.WallNow() + absl::Seconds(grace));
  meta["deletionGracePeriodSeconds"] = grace;
  return *store_.Put(key, std::move(pod));
}

Object ApiServer::DeleteNow(const ObjectKey& key, Json object) {
  if (!HasFinalizers(object)) return store_.Remove(key);
  Json& meta = object["metadata"];
  if (!IsBeingDeleted(object)) meta["deletionTimestamp"] = FormatRfc3339(clock_.WallNow());
  meta["deletionGracePeriodSeconds"] = 0;
  if (const Object found = store_.Find(key); found && *found == object) return found;
  return store_.Put(key, std::move(object));
}

void ApiServer::WritePod(const ObjectKey& key, Json pod, bool is_stopped) {
  const Object found = store_.Find(key);
  if (!found) return;  // removed by force: nobody to tell
  if (pod != *found) pod = *store_.Put(key, std::move(pod));
  if (is_stopped && IsBeingDeleted(pod)) DeleteNow(key, std::move(pod));
}

std::string ApiServer::NewUid() {  // RFC 9562 5.4
  const uint64_t high = random_.Next();
  const uint64_t low = random_.Next();
  return absl::StrFormat("%08x-%04x-4%03x-%04x-%012x", high >> 32, high >> 16 & 0xffff,
                         high & kUidVersionMask, (low >> 48 & 0x3fff) | 0x8000,
                         low & 0xffff'ffff'ffff);
}

}  // namespace spawner::local
