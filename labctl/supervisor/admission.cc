#include "labctl/supervisor/admission.h"

#include "labctl/api/status_error.h"
#include "labctl/compile/immutable.h"
#include "labctl/manifest/read.h"
#include "netemu/base/text.h"

namespace labctl::supervisor {

namespace {

/// In the API server's words: one cause as it is, several in brackets (field.ErrorList).
std::string causes_of(const manifest::Findings& findings, const std::string& whose) {
    std::vector<std::string> causes;
    for (const auto& finding : findings.list) {
        if (finding.severity == manifest::Severity::Error) {
            const auto& text = finding.message;
            causes.push_back(text.starts_with(whose) ? text.substr(whose.size()) : text);
        }
    }
    return causes.size() == 1 ? causes[0] : "[" + netemu::join(causes, ", ") + "]";
}

void admit(api::Object& object, bool fresh) {
    const auto kind = compile::qualified_kind(object.body);
    const auto name = object.name();
    auto completed = object;
    try {
        (void)manifest::complete_object(completed);
    } catch (const manifest::ManifestError& error) {
        throw api::StatusError::invalid(
            kind, name, causes_of(error.findings(), object.kind() + " \"" + name + "\": "));
    }
    // Pods of controllers are stored as the template says, and no edit may change their spec.
    if (fresh || object.kind() != "Pod") {
        object = std::move(completed);
    }
}

} // namespace

Admission::Admission(compile::Cluster& cluster) : cluster_(cluster) {
    cluster_.set_defaulter(admit);
}

Admission::~Admission() {
    cluster_.set_defaulter(nullptr);
}

} // namespace labctl::supervisor
