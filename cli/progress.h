#ifndef SPAWNER_CLI_PROGRESS_H_
#define SPAWNER_CLI_PROGRESS_H_

#include <functional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cli/surroundings.h"

namespace spawner::cli {

// What takes longer than a second, on stderr: one line that is written over on a terminal;
// elsewhere a line when there is news, and now and then without.
//   connect: STARTING, PULLING for 3 s (4 s)
// Thread: main's. Owner: Run().
class Progress {
 public:
  // `surroundings` are those of the program, and outlive it.
  Progress(const Surroundings& surroundings, std::string address)
      : surroundings_(surroundings), address_(std::move(address)) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // While it lives: what is waited for, asked once a second; "" if it does not know.
  class Detail {
   public:
    Detail(Progress& progress, std::function<std::string()> text) : progress_(progress) {
      progress_.detail_ = std::move(text);
    }
    ~Detail() { progress_.detail_ = nullptr; }
    Detail(const Detail&) = delete;
    Detail& operator=(const Detail&) = delete;

   private:
    Progress& progress_;
  };

  // `waited` for the answer to `what`: Client::Options::on_wait.
  void OnWait(absl::string_view what, absl::Duration waited);
  // Takes the line off the terminal: before anything else is written.
  void Clear();

 private:
  const Surroundings& surroundings_;
  const std::string address_;
  std::function<std::string()> detail_;
  bool has_line_ = false;
  std::string last_;
  absl::Duration next_;
};

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_PROGRESS_H_
