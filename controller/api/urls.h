#ifndef SPAWNER_CONTROLLER_API_URLS_H_
#define SPAWNER_CONTROLLER_API_URLS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"

namespace spawner::api {

// Makes the URLs of sessions. With a base domain each session is an origin of its own,
//   https://{id}.{base_domain}/
// else all share the proxies' one:
//   https://{host}/s/{id}/
class SessionUrls {
 public:
  // `public_url`: "SCHEME://HOST[:PORT]" of the proxies, as browsers reach them; may be empty with
  // a base domain (then https on port 443). INVALID_ARGUMENT says what is allowed.
  static absl::StatusOr<SessionUrls> Make(absl::string_view public_url,
                                          absl::string_view base_domain);

  std::string UrlOf(const SessionId& id) const;
  // The URL that carries a grant; no token: UrlOf.
  std::string UrlOf(const SessionId& id, absl::string_view token) const;

 private:
  SessionUrls(std::string before_id, std::string after_id)
      : before_id_(std::move(before_id)), after_id_(std::move(after_id)) {}

  std::string before_id_;
  std::string after_id_;
};

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_URLS_H_
