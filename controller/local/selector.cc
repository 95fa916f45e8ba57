#include "controller/local/selector.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "controller/local/limits.h"

namespace spawner::local {
namespace {

absl::Status Unreadable(absl::string_view term) {
  return absl::InvalidArgumentError(absl::StrCat("unable to parse requirement: '", term, "'"));
}

// Splits at commas outside of parentheses.
std::vector<absl::string_view> SplitTerms(absl::string_view text) {
  std::vector<absl::string_view> terms;
  size_t begin = 0;
  int depth = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '(') ++depth;
    if (i < text.size() && text[i] == ')') --depth;
    if (i == text.size() || (text[i] == ',' && depth == 0)) {
      terms.push_back(absl::StripAsciiWhitespace(text.substr(begin, i - begin)));
      begin = i + 1;
    }
  }
  return terms;
}

bool IsLabelText(absl::string_view text) {
  return text.size() <= 317 && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' ||
                  c == '.' || c == '/';
         });
}

// metadata.labels as an object, or null.
const Json* FindLabels(const Json& object) {
  const auto metadata = object.find("metadata");
  if (metadata == object.end() || !metadata->is_object()) return nullptr;
  const auto labels = metadata->find("labels");
  return labels == metadata->end() || !labels->is_object() ? nullptr : &*labels;
}

// The text at "a.b", empty if there is none, as a field selector reads it.
std::string FieldText(const Json& object, absl::string_view path) {
  const Json* at = &object;
  for (absl::string_view step : absl::StrSplit(path, '.')) {
    if (!at->is_object()) return "";
    const auto found = at->find(std::string(step));
    if (found == at->end()) return "";
    at = &*found;
  }
  return at->is_string() ? at->get<std::string>() : "";
}

}  // namespace

absl::StatusOr<Selector::Term> Selector::ParseLabelTerm(absl::string_view text) {
  Term term;
  const size_t open = text.find('(');
  if (open != absl::string_view::npos) {
    if (!absl::EndsWith(text, ")")) return Unreadable(text);
    std::vector<absl::string_view> words =
        absl::StrSplit(text.substr(0, open), absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (words.size() != 2 || (words[1] != "in" && words[1] != "notin")) return Unreadable(text);
    term.test = words[1] == "in" ? Test::kIn : Test::kNotIn;
    term.name = std::string(words[0]);
    for (absl::string_view value :
         absl::StrSplit(text.substr(open + 1, text.size() - open - 2), ',')) {
      term.values.emplace_back(absl::StripAsciiWhitespace(value));
    }
  } else if (const size_t equals = text.find('='); equals != absl::string_view::npos) {
    absl::string_view name = text.substr(0, equals);
    absl::string_view value = text.substr(equals + 1);
    absl::ConsumePrefix(&value, "=");  // "==" is "="
    term.test = absl::ConsumeSuffix(&name, "!") ? Test::kNotIn : Test::kIn;
    term.name = std::string(absl::StripAsciiWhitespace(name));
    term.values.emplace_back(absl::StripAsciiWhitespace(value));
  } else {
    term.test = absl::ConsumePrefix(&text, "!") ? Test::kAbsent : Test::kExists;
    term.name = std::string(absl::StripAsciiWhitespace(text));
  }
  const bool are_values_good =
      std::all_of(term.values.begin(), term.values.end(),
                  [](const std::string& value) { return IsLabelText(value); });
  if (term.name.empty() || !IsLabelText(term.name) || !are_values_good) return Unreadable(text);
  return term;
}

absl::StatusOr<Selector::Term> Selector::ParseFieldTerm(
    absl::string_view text, std::initializer_list<absl::string_view> more_fields) {
  const size_t equals = text.find('=');
  if (equals == absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("invalid selector: '", text, "'; can't understand '", text, "'"));
  }
  Term term;
  absl::string_view name = text.substr(0, equals);
  absl::string_view value = text.substr(equals + 1);
  absl::ConsumePrefix(&value, "=");
  term.test = absl::ConsumeSuffix(&name, "!") ? Test::kNotIn : Test::kIn;
  term.name = std::string(name);
  term.values.emplace_back(value);
  static constexpr absl::string_view kFields[] = {"metadata.name", "metadata.namespace",
                                                  "spec.nodeName", "status.phase"};
  if (std::find(std::begin(kFields), std::end(kFields), name) == std::end(kFields) &&
      std::find(more_fields.begin(), more_fields.end(), name) == more_fields.end()) {
    return absl::InvalidArgumentError(absl::StrCat("field label not supported: ", name));
  }
  return term;
}

absl::StatusOr<Selector> Selector::Parse(absl::string_view labels, absl::string_view fields,
                                         std::initializer_list<absl::string_view> more_fields) {
  Selector selector;
  if (!labels.empty()) {
    for (absl::string_view text : SplitTerms(labels)) {
      ASSIGN_OR_RETURN(Term term, ParseLabelTerm(text));
      selector.labels_.push_back(std::move(term));
    }
  }
  if (!fields.empty()) {
    for (absl::string_view text : absl::StrSplit(fields, ',')) {
      ASSIGN_OR_RETURN(Term term, ParseFieldTerm(text, more_fields));
      selector.fields_.push_back(std::move(term));
    }
  }
  if (selector.labels_.size() + selector.fields_.size() > kSelectorTermsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("more than ", kSelectorTermsMax, " requirements in a selector"));
  }
  return selector;
}

bool Selector::Holds(const Term& term, const std::string* value) {
  const bool is_in = value != nullptr &&
                     std::find(term.values.begin(), term.values.end(), *value) != term.values.end();
  switch (term.test) {
    case Test::kIn:
      return is_in;
    case Test::kNotIn:
      return !is_in;  // as the real one: an object without the label matches
    case Test::kExists:
      return value != nullptr;
    case Test::kAbsent:
      return value == nullptr;
  }
  return false;
}

bool Selector::Matches(const Json& object) const {
  return Matches(FindLabels(object),
                 [&object](const std::string& name) { return FieldText(object, name); });
}

bool Selector::Matches(const Json* labels, const FieldTexts& text_of) const {
  for (const Term& term : labels_) {
    const std::string* value = nullptr;
    if (labels != nullptr) {
      const auto found = labels->find(term.name);
      if (found != labels->end()) value = found->get_ptr<const std::string*>();
    }
    if (!Holds(term, value)) return false;
  }
  return std::all_of(fields_.begin(), fields_.end(), [&text_of](const Term& term) {
    const std::string text = text_of(term.name);
    return Holds(term, &text);
  });
}

}  // namespace spawner::local
