#ifndef SPAWNER_DEPLOY_EXAMPLES_WHITEBOARD_PAGE_H_
#define SPAWNER_DEPLOY_EXAMPLES_WHITEBOARD_PAGE_H_

#include <string_view>

namespace spawner::examples {

// The files of page/, built into the program: see embed() in BUILD.bazel.
extern const std::string_view kIndexHtml;
extern const std::string_view kStyleCss;
extern const std::string_view kAppJs;
extern const std::string_view kBoardJs;
extern const std::string_view kLinkJs;
extern const std::string_view kReactionsJs;

}  // namespace spawner::examples

#endif  // SPAWNER_DEPLOY_EXAMPLES_WHITEBOARD_PAGE_H_
