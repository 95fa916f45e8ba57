#include "controller/api/status_page.h"

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/crypto.h"
#include "base/strings.h"
#include "controller/api/status_page/files.h"

namespace spawner::api {
namespace {

// CSP 3, 6.7.3: the hash of what is between the tags.
std::string HashOf(std::string_view text) {
  return absl::StrCat("'sha256-", absl::Base64Escape(Sha256(AsAbsl(text))), "'");
}

HttpAnswer MakePage() {
  return {.content_type = "text/html; charset=utf-8",
          .body = absl::StrReplaceAll(AsAbsl(kPageHtml), {{"{{style}}", AsAbsl(kPageStyle)},
                                                          {"{{script}}", AsAbsl(kPageScript)}}),
          .headers = {{"Content-Security-Policy",
                       absl::StrCat("default-src 'none'; script-src ", HashOf(kPageScript),
                                    "; style-src ", HashOf(kPageStyle),
                                    "; connect-src 'self'; img-src data:; base-uri 'none'; "
                                    "form-action 'none'; frame-ancestors 'none'")},
                      {"Referrer-Policy", "no-referrer"}}};
}

}  // namespace

HttpAnswer StatusPage() {
  static const HttpAnswer* const page = new HttpAnswer(MakePage());  // never freed
  return *page;
}

}  // namespace spawner::api
