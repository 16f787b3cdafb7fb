#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "labctl/api/object.h"

namespace labctl::api {

/// A field selector: `fieldSelector` of the API, `--field-selector` of the commands. Semantics of
/// k8s.io/apimachinery/pkg/fields: terms with =, == or != and a comma between, all of which hold.
class FieldSelector {
public:
    struct Requirement {
        std::string field;
        bool equal = true;
        std::string value;
    };

    FieldSelector() = default; // matches everything
    /// The text form, in which \\ \, and \= stand for themselves, of a selector for objects of one
    /// kind. Throws StatusError (400) in the API server's words for what is none, and for fields
    /// by which the API server does not select objects of that kind.
    static FieldSelector
    parse(std::string_view text, const std::string& kind, const std::string& plural);

    [[nodiscard]] bool matches(const Object& object) const;
    [[nodiscard]] bool empty() const { return requirements_.empty(); }

private:
    std::vector<Requirement> requirements_;
};

} // namespace labctl::api
