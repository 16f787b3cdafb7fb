#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "labctl/api/object.h"

/// kubectl's dialect of JSONPath (https://kubernetes.io/docs/reference/kubectl/jsonpath/, as
/// k8s.io/client-go/util/jsonpath of 1.32 has it).
namespace labctl::report {

struct JsonPathTemplate;

/// A template: text, and actions in braces that select values of a document. What it cannot read,
/// and what a document does not have the shape for, is a netemu::UsageError that shows the place.
/// Fields that are absent give nothing. Where kubectl is known to lose values or to print none at
/// all, this does better: an empty list hides nothing behind it, whole numbers compare with
/// fractions, and a `.` without a name is an error.
class JsonPath {
public:
    /// Pointers into the document, or into the template for literals.
    using Values = std::vector<const api::Json*>;
    /// What one action, or one piece of text between actions, has given.
    struct Result {
        Values values;
        bool literal = false; // text of the template itself
    };

    // A template is at most so long, ranges stand in each other so deep, one evaluation looks at so
    // many values, and what it prints has at most so many bytes.
    static constexpr std::size_t kLengthMax = 65536;
    static constexpr std::size_t kRangesMax = 32;
    static constexpr std::size_t kValuesMax = 5'000'000;
    static constexpr std::size_t kOutputMax = std::size_t{256} << 20U;

    /// A template with braces, or without any braces one path that begins with `.`, `@` or `$`.
    static JsonPath parse(std::string_view text);
    /// One path in kubectl's relaxed form: metadata.name, .metadata.name, {metadata.name} or
    /// {.metadata.name}; for columns and for sorting.
    static JsonPath parse_path(std::string_view text);

    /// In the order of the template, a range's for each of its rounds. The document must live as
    /// long as the results are used, and so must this.
    [[nodiscard]] std::vector<Result> evaluate(const api::Json& document) const;
    /// All values of all actions.
    [[nodiscard]] Values values(const api::Json& document) const;

    /// The text that kubectl prints: values of an action with a space between, lists and mappings
    /// as JSON. With `safe`, control characters of the document are made visible() except for line
    /// feeds, so that it may go to a terminal.
    [[nodiscard]] std::string print(const api::Json& document, bool safe = false) const;
    /// The same as JSON: a list for each action, indented (`-o jsonpath-as-json`).
    [[nodiscard]] std::string print_json(const api::Json& document) const;

private:
    explicit JsonPath(std::shared_ptr<const JsonPathTemplate> parsed)
        : parsed_(std::move(parsed)) {}
    std::shared_ptr<const JsonPathTemplate> parsed_;
};

/// One line of JSON with sorted fields and `<`, `>` and `&` escaped, as Go's encoding/json writes.
std::string go_json(const api::Json& value);
/// A value as Go's fmt.Sprint prints it: "web", "5", "2.5", "true", "[a b]", "map[app:web]",
/// "<nil>".
std::string go_text(const api::Json& value);

} // namespace labctl::report
