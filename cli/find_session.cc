#include "cli/find_session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "cli/request.h"

namespace spawner::cli {
namespace {

constexpr int kPageSize = 500;
constexpr int kPagesMax = 1000;  // half a million sessions; more is a fault of the server's

// The filter's grammar has no quotes: what might not pass through it is filtered here alone.
std::string FilterOfKey(const std::string& key) {
  const bool is_plain = std::all_of(key.begin(), key.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.' ||
           c == '/';
  });
  return is_plain && !key.empty() ? absl::StrCat("key:", key) : "";
}

// The incarnation of `epoch` among those of one key; the newest for 0.
grpc::Status Choose(const std::vector<v1::Session>& found, uint64_t epoch, v1::Session* session) {
  for (const v1::Session& candidate : found) {
    if (epoch != 0 && candidate.epoch() != epoch) continue;
    *session = candidate;
    return grpc::Status::OK;
  }
  return {grpc::StatusCode::NOT_FOUND,
          absl::StrCat("no session of this key has the epoch ", epoch)};
}

// What the line names: one of the two is set.
struct Named {
  std::string name;
  std::string key;
  uint64_t epoch = 0;
};

grpc::Status Read(const Invocation& i, Named* named) {
  std::vector<std::string> words = i.arguments.positionals;
  if (words.size() > 1 && IsSessionWord(words[0])) words.erase(words.begin());
  if (words.size() == 1 && IsSessionWord(words[0]) && i.arguments.Has("key")) words.clear();
  const auto epoch = i.arguments.Int("epoch");
  if (!epoch.ok() || epoch->value_or(0) < 0) {
    return {grpc::StatusCode::INVALID_ARGUMENT, epoch.ok()
                                                    ? std::string("--epoch: must not be negative")
                                                    : std::string(epoch.status().message())};
  }
  named->epoch = static_cast<uint64_t>(epoch->value_or(0));
  named->key = i.arguments.Get("key");
  if (words.empty() && !named->key.empty()) return grpc::Status::OK;
  if (words.size() != 1 || i.arguments.Has("key") || IsSessionWord(words[0])) {
    return {grpc::StatusCode::INVALID_ARGUMENT, "name one session: its ID, or --key=KEY"};
  }
  named->name = SessionName(words[0], i.ns);
  return grpc::Status::OK;
}

grpc::Status ListPages(const Invocation& i, v1::ListSessionsRequest request,
                       std::vector<v1::Session>* sessions, std::string* usage_error) {
  request.set_parent(absl::StrCat("namespaces/", i.ns));
  request.set_page_size(kPageSize);
  for (int page = 0; page < kPagesMax; ++page) {
    v1::ListSessionsResponse response;
    const grpc::Status status =
        i.client.Ask("list sessions", i.client.sessions(), &v1::Sessions::Stub::AsyncListSessions,
                     request, &response);
    if (!status.ok()) return status;
    for (v1::Session& session : *response.mutable_sessions()) {
      sessions->push_back(std::move(session));
    }
    if (!response.usage_error().empty()) *usage_error = response.usage_error();
    if (response.next_page_token().empty()) return grpc::Status::OK;
    request.set_page_token(response.next_page_token());
  }
  return {grpc::StatusCode::INTERNAL, "the server's pages do not end"};
}

grpc::Status Find(const Invocation& i, const Named& named, v1::Session* session) {
  if (named.name.empty()) {
    std::vector<v1::Session> found;
    const grpc::Status status = FindByKey(i, named.key, &found);
    return status.ok() ? Choose(found, named.epoch, session) : status;
  }
  v1::GetSessionRequest request;
  request.set_name(named.name);
  request.set_epoch(named.epoch);
  return i.client.Ask("get session", i.client.sessions(), &v1::Sessions::Stub::AsyncGetSession,
                      request, session);
}

}  // namespace

bool IsSessionWord(const std::string& word) { return word == "session" || word == "sessions"; }

grpc::Status ListSessions(const Invocation& i, const std::string& filter,
                          std::vector<v1::Session>* sessions) {
  v1::ListSessionsRequest request;
  request.set_filter(filter);
  std::string ignored;
  return ListPages(i, std::move(request), sessions, &ignored);
}

grpc::Status ListSessionsWithUsage(const Invocation& i, std::vector<v1::Session>* sessions,
                                   std::string* usage_error) {
  v1::ListSessionsRequest request;
  request.set_with_usage(true);
  const grpc::Status status = ListPages(i, std::move(request), sessions, usage_error);
  if (status.error_code() != grpc::StatusCode::UNIMPLEMENTED) return status;
  *usage_error = "this controller is of an earlier version, which does not tell";
  sessions->clear();
  return ListSessions(i, "", sessions);
}

grpc::Status FindByKey(const Invocation& i, const std::string& key,
                       std::vector<v1::Session>* found) {
  std::vector<v1::Session> all;
  if (const grpc::Status status = ListSessions(i, FilterOfKey(key), &all); !status.ok()) {
    return status;
  }
  for (v1::Session& session : all) {
    if (session.key().name() == key) found->push_back(std::move(session));
  }
  std::sort(found->begin(), found->end(),
            [](const v1::Session& a, const v1::Session& b) { return a.epoch() > b.epoch(); });
  if (!found->empty()) return grpc::Status::OK;
  return {grpc::StatusCode::NOT_FOUND,
          absl::StrCat("no session in namespace ", i.ns, " has the key \"", key, "\"")};
}

grpc::Status FindNamed(const Invocation& i, v1::Session* session) {
  Named named;
  if (const grpc::Status status = Read(i, &named); !status.ok()) return status;
  return Find(i, named, session);
}

grpc::Status FindNewestNamed(const Invocation& i, v1::Session* session, uint64_t* epoch) {
  Named named;
  if (const grpc::Status status = Read(i, &named); !status.ok()) return status;
  *epoch = std::exchange(named.epoch, 0);
  return Find(i, named, session);
}

grpc::Status NameNamed(const Invocation& i, std::string* name, uint64_t* epoch) {
  Named named;
  if (const grpc::Status status = Read(i, &named); !status.ok()) return status;
  *epoch = named.epoch;
  if (!named.name.empty()) {
    *name = named.name;
    return grpc::Status::OK;
  }
  v1::Session session;
  const grpc::Status status = FindNamed(i, &session);
  *name = session.name();
  return status;
}

Flag KeyFlag() { return {"key", "KEY", "the session of this key", 'k'}; }

Flag EpochFlag() { return {"epoch", "N", "one incarnation of it; default the newest"}; }

}  // namespace spawner::cli
