#ifndef SPAWNER_CONTROLLER_API_STATUS_PAGE_FILES_H_
#define SPAWNER_CONTROLLER_API_STATUS_PAGE_FILES_H_

#include <string_view>

// The files of this folder. In the page "{{style}}" and "{{script}}" stand for the other two.
namespace spawner::api {

extern const std::string_view kPageHtml;
extern const std::string_view kPageStyle;
extern const std::string_view kPageScript;

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_STATUS_PAGE_FILES_H_
