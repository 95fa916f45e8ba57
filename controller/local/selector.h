#ifndef SPAWNER_CONTROLLER_LOCAL_SELECTOR_H_
#define SPAWNER_CONTROLLER_LOCAL_SELECTOR_H_

#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/json.h"

namespace spawner::local {

// A label selector ("a=b,c!=d,e,!f,g in (h,i),j notin (k)") and a field selector
// ("metadata.name=x,status.phase!=Failed") together: which objects a list or a watch is about.
class Selector {
 public:
  // INVALID_ARGUMENT says which requirement is wrong.
  // `more_fields`: of this resource, beside those that all have.
  static absl::StatusOr<Selector> Parse(absl::string_view labels, absl::string_view fields,
                                        std::initializer_list<absl::string_view> more_fields = {});

  bool Matches(const Json& object) const;
  // Of an object without labels that need not be made for it: `text_of(name)` is a field's.
  using FieldTexts = std::function<std::string(const std::string& name)>;
  bool MatchesFields(const FieldTexts& text_of) const { return Matches(nullptr, text_of); }

 private:
  enum class Test { kIn, kNotIn, kExists, kAbsent };
  struct Term {
    Test test = Test::kExists;
    std::string name;
    std::vector<std::string> values;
  };

  static absl::StatusOr<Term> ParseLabelTerm(absl::string_view text);
  static absl::StatusOr<Term> ParseFieldTerm(absl::string_view text,
                                             std::initializer_list<absl::string_view> more_fields);
  bool Matches(const Json* labels, const FieldTexts& text_of) const;
  // `value` null: the label isn't there.
  static bool Holds(const Term& term, const std::string* value);

  std::vector<Term> labels_;
  std::vector<Term> fields_;
};

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_SELECTOR_H_
