#ifndef SPAWNER_PROXY_FORWARD_PROGRESS_PAGE_H_
#define SPAWNER_PROXY_FORWARD_PROGRESS_PAGE_H_

#include "absl/strings/string_view.h"
#include "proxy/http/answer.h"
#include "proxy/route/route.h"

// What a browser shows while its session starts (decision 0008). The page asks its own URL with
// "Spawner-Progress: PHASE"; that request is held until the phase is another one, and counts as a
// held request meanwhile. Once the answer is anything but another phase the page loads its URL
// anew, and gets the application, or our page that says why there is none.
namespace spawner::proxy {

// "PULLING"; what a page says in Spawner-Progress if it knows nothing newer.
absl::string_view PhaseOf(const Route& route);

// 202 (RFC 9110 15.3.3: accepted, not done yet): the page. Without JavaScript it loads itself again
// every 2 seconds.
Answer ProgressPage(const Route& route);
// 200: the phase, for the page that asked.
Answer ProgressReport(const Route& route);
// 204: the session takes requests.
Answer ProgressDone();

// What the page's Content-Security-Policy allows it: its own style and script, its own URL.
absl::string_view ProgressPolicy();

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_PROGRESS_PAGE_H_
