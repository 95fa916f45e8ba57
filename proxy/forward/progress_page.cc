#include "proxy/forward/progress_page.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace spawner::proxy {
namespace {

constexpr absl::string_view kStyle =
    ":root{color-scheme:light dark}"
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:26vh auto;padding:0 1rem}"
    "h1{font-size:1.7rem;line-height:1.2;margin:0 0 1.2rem}"
    "div{display:flex;gap:.4rem}"
    "i{flex:1;height:.4rem;border-radius:.2rem;background:#8886}"
    "i.done{background:#2a7de1}"
    "i.now{background:#2a7de1;animation:now 1.6s ease-in-out infinite}"
    "@keyframes now{50%{opacity:.35}}"
    "@media(prefers-reduced-motion){i.now{animation:none;opacity:.6}}"
    "p{margin:.8rem 0 0}"
    "small{opacity:.7}";

// A phase that it has not seen comes as 200. 502 to 504 come from a proxy that leaves or is full,
// or from a balancer between two of them, so they are asked again for a while. A page in a
// sandboxed frame may not ask ("null" is its origin): it loads itself as one without JavaScript
// does.
constexpr absl::string_view kScript =
    "(()=>{"
    "const about=document.getElementById('about'),bars=document.querySelectorAll('i'),"
    "time=document.getElementById('time'),since=Date.now();"
    "let phase=document.body.dataset.phase,failures=0;"
    "setInterval(()=>{time.textContent=Math.round((Date.now()-since)/1e3)+' s'},1e3);"
    "const reload=()=>location.reload();"
    "const again=()=>++failures>20?reload():setTimeout(ask,1e3);"
    "const ask=async()=>{"
    "let answer;"
    "try{answer=await fetch(location.href,{headers:{'Spawner-Progress':phase},"
    "cache:'no-store',redirect:'manual'})}catch{return again()}"
    "if(answer.status>501&&answer.status<505)return again();"
    "if(answer.status!==200||!answer.headers.has('Spawner-Phase'))return reload();"
    "let now;try{now=await answer.json()}catch{return again()}"
    "failures=0;phase=now.phase;"
    "if(about.textContent!==now.message)about.textContent=now.message;"
    "bars.forEach((bar,i)=>{bar.className=i<now.step?'done':i===now.step?'now':''});"
    "setTimeout(ask,200)};"
    "self.origin==='null'?setTimeout(reload,2e3):ask()"
    "})()";

// base64 of SHA-256 of the two above; progress_page_test says what they are if they changed.
constexpr absl::string_view kPolicy =
    "default-src 'none'; style-src 'sha256-WFFx4/TeVIvvGDWIANL7nSj1qu6ybD7/pcYbs1Xd0VM='; "
    "script-src 'sha256-+APYdiZZYmPUEzvoYffLmsVRz5xq4V34qSJBwIgWtZg='; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'";

struct Step {
  absl::string_view phase;  // as StartPhase of session.proto; empty: not known
  int bar;                  // 0 to 3
  absl::string_view message;
};
constexpr Step kSteps[] = {
    {"SCHEDULING", 0, "Looking for a place to run it"},
    {"PULLING", 1, "Fetching the application"},
    {"STARTED", 2, "Waiting until it is ready"},
    {"ROUTING", 3, "Connecting you"},
};
constexpr Step kUnknown = {"WAITING", 0, "Getting ready"};
// The gate is closed: it ends, and may begin anew.
constexpr Step kBehindGate = {"GATED", 0, "Waiting for its next start"};

const Step& StepOf(const Route& route) {
  if (route.state == RouteState::kGated) return kBehindGate;
  for (const Step& step : kSteps) {
    if (step.phase == route.phase) return step;
  }
  return kUnknown;
}

std::string Bars(int now) {
  std::string bars;
  for (int i = 0; i < 4; ++i) {
    bars.append(i < now    ? "<i class=\"done\"></i>"
                : i == now ? "<i class=\"now\"></i>"
                           : "<i></i>");
  }
  return bars;
}

}  // namespace

absl::string_view PhaseOf(const Route& route) { return StepOf(route).phase; }

absl::string_view ProgressPolicy() { return kPolicy; }

Answer ProgressPage(const Route& route) {
  const Step& step = StepOf(route);
  Answer answer = {.status = 202, .reason = "SESSION_STARTING"};
  answer.content_type = "text/html; charset=utf-8";
  answer.message = absl::StrCat(
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
      "<title>Starting\xe2\x80\xa6</title><link rel=\"icon\" href=\"data:,\">"
      "<noscript><meta http-equiv=\"refresh\" content=\"2\"></noscript><style>",
      kStyle, "</style></head><body data-phase=\"", step.phase,
      "\"><main><h1>Your session is starting</h1><div aria-hidden=\"true\">", Bars(step.bar),
      "</div><p id=\"about\" role=\"status\">", step.message,
      "</p><small id=\"time\" aria-hidden=\"true\"></small></main><script>", kScript,
      "</script></body></html>\n");
  answer.fields = {
      {"Retry-After", "2"}, {"Spawner-Phase", step.phase}, {"Content-Security-Policy", kPolicy}};
  return answer;
}

Answer ProgressReport(const Route& route) {
  const Step& step = StepOf(route);
  return {.status = 200,
          .message = absl::StrCat("{\"phase\":\"", step.phase, "\",\"step\":", step.bar,
                                  ",\"message\":\"", step.message, "\"}\n"),
          .content_type = "application/json",
          .fields = {{"Spawner-Phase", step.phase}}};
}

Answer ProgressDone() { return {.status = 204}; }

}  // namespace spawner::proxy
