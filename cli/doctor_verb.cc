#include <vector>

#include "absl/strings/str_cat.h"
#include "base/version.h"
#include "cli/output.h"
#include "cli/probe.h"
#include "cli/times.h"
#include "cli/verb_list.h"
#include "spawner/v1/admin.pb.h"

namespace spawner::cli {
namespace {

constexpr absl::Duration kSkewMax = absl::Seconds(2);  // tokens and deadlines bear some

// Writes each finding as it comes, and counts.
class Report {
 public:
  explicit Report(const Invocation& i) : i_(i) {}

  void Add(const v1::DiagnoseResponse& finding) {
    ++checks_;
    failed_ += finding.ok() ? 0 : 1;
    if (i_.format == Format::kName) {
      if (!finding.ok()) i_.surroundings.out(absl::StrCat(finding.check(), "\n"));
    } else if (!i_.IsForPeople()) {
      *all_.Add() = finding;
    } else {
      Write(finding);
    }
  }

  int End() const {
    if (i_.format == Format::kJson) {
      for (const auto& finding : all_) i_.surroundings.out(ToJsonLine(finding));
    }
    if (i_.format == Format::kYaml) {
      for (const auto& finding : all_) i_.surroundings.out(absl::StrCat("---\n", ToYaml(finding)));
    }
    Tell(i_, failed_ == 0 ? absl::StrCat("all ", checks_, " checks are fine")
                          : absl::StrCat(failed_, " of ", checks_, " checks failed"));
    return failed_ == 0 ? kOk : kFailed;
  }

 private:
  void Write(const v1::DiagnoseResponse& finding) const {
    const bool use_colour = i_.surroundings.UseColour();
    const char* begin = !use_colour ? "" : finding.ok() ? "\x1b[32m" : "\x1b[31m";
    std::string text =
        absl::StrCat(begin, finding.ok() ? "ok    " : "FAILED", use_colour ? "\x1b[0m" : "", "  ",
                     finding.check(), ": ", Printable(finding.message()), "\n");
    if (!finding.remedy().empty()) {
      absl::StrAppend(&text, "        -> ", Printable(finding.remedy()), "\n");
    }
    i_.surroundings.out(text);
  }

  const Invocation& i_;
  int checks_ = 0;
  int failed_ = 0;
  google::protobuf::RepeatedPtrField<v1::DiagnoseResponse> all_;
};

// Our clock beside the controller's, which was read between our two readings.
v1::DiagnoseResponse Skew(absl::Time before, absl::Time theirs, absl::Time after) {
  const absl::Duration skew = theirs < before  ? before - theirs
                              : theirs > after ? theirs - after
                                               : absl::ZeroDuration();
  return Finding("clock.spawnctl", skew <= kSkewMax,
                 absl::StrCat("this machine's clock and the controller's differ by ",
                              absl::FormatDuration(absl::Trunc(skew, absl::Milliseconds(1)))),
                 "run NTP (chrony, systemd-timesyncd) on both machines");
}

int Doctor(const Invocation& i) {
  Report report(i);
  v1::GetStatusResponse status;
  absl::Time before = i.surroundings.now();
  grpc::Status answer = i.client.Ask("doctor", i.client.admin(), &v1::Admin::Stub::AsyncGetStatus,
                                     v1::GetStatusRequest(), &status);
  const absl::Duration latency = i.surroundings.now() - before;
  report.Add(Finding("controller.reachable", answer.ok(),
                     answer.ok() ? absl::StrCat(i.client.address(), " answers in ",
                                                absl::ToInt64Milliseconds(latency), " ms, version ",
                                                status.version(), " (spawnctl ", kVersion, ")")
                                 : ErrorText(answer, "doctor", i.client.address()),
                     "see that a controller runs there, and that --address, --ca and the token are "
                     "right (`spawnctl context show`)"));
  if (!answer.ok()) {
    report.End();
    return ExitCodeOf(answer);
  }
  std::string probe_url;
  before = i.surroundings.now();
  answer = i.client.Read<v1::DiagnoseResponse>(
      [&](auto* context, auto* queue) {
        return i.client.admin().AsyncDiagnose(context, v1::DiagnoseRequest(), queue, nullptr);
      },
      [&](v1::DiagnoseResponse& finding) {
        const absl::Time after = i.surroundings.now();
        if (!finding.probe_url().empty()) probe_url = finding.probe_url();
        if (finding.has_time()) report.Add(Skew(before, TimeOf(finding.time()), after));
        report.Add(finding);
        return true;
      });
  if (!answer.ok()) {
    report.End();
    return Fail(i, answer, "doctor");
  }
  if (!probe_url.empty()) {
    for (const auto& finding : ProbeUrl(probe_url, i.surroundings.now())) report.Add(finding);
  }
  return report.End();
}

}  // namespace

Verb DoctorVerb() {
  return {.name = "doctor",
          .group = Group::kOperations,
          .usage = "doctor",
          .help = "look for what is wrong with an installation, and say what to do",
          .details =
              "The controller checks its Kubernetes: reachable, how fast, its rights (reviews of "
              "callers' tokens included), a dry run of a session's pod (PodSecurity, quota, "
              "admission), clocks, the leader, the proxies' links and versions; proxies go by the "
              "controller's clock. From here: clocks again, and whether sessions' URLs resolve, "
              "answer and have a certificate with days left.\n\n"
              "The exit code is 1 if any check failed. Nothing is changed.",
          .examples =
              "doctor\n"
              "doctor -o name    # what failed, a name a line",
          .flags = {},
          .run = Doctor};
}

}  // namespace spawner::cli
