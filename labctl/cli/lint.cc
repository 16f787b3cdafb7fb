#include "labctl/cli/lint.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

#include "labctl/cli/policies.h"
#include "labctl/compile/cluster_config.h"
#include "labctl/compile/gateways.h"
#include "labctl/compile/ingresses.h"
#include "labctl/compile/linkerd_policies.h"
#include "labctl/compile/policy_enforcement.h"
#include "labctl/compile/policy_values.h"
#include "labctl/compile/traffic_objects.h"
#include "labctl/explain/linkerd_lint.h"
#include "labctl/explain/mesh_lint.h"
#include "labctl/explain/policy_lint.h"
#include "labctl/explain/traffic_lint.h"
#include "labctl/manifest/locate.h"

namespace labctl::cli {

namespace {

constexpr std::size_t kLintNodes = 3; // as of `up -f`

/// The input as the cluster that it would become.
struct LintInput {
    api::Object lab;
    store::Store store;
    std::map<api::ObjectKey, api::Source> sources;
};

int lint_rank(const api::Object& object) {
    return object.kind() == "Namespace" ? 0 : object.kind() == "ServiceAccount" ? 1 : 2;
}

LintInput imagine_input(const manifest::ReadResult& input) {
    LintInput imagined;
    imagined.lab = compile::ClusterConfig::default_lab("files", kLintNodes);
    std::vector<api::Object> objects;
    for (const auto& name : input.implicit_namespaces) {
        objects.push_back(
            {{{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}}, {}});
    }
    for (const auto& object : input.objects) {
        if (object.kind() == "Lab") {
            imagined.lab = object;
        } else {
            objects.push_back(object);
            imagined.sources[object.key()] = object.source;
        }
    }
    // what others need comes first, in whatever order files name it
    std::stable_sort(objects.begin(), objects.end(), [](const auto& left, const auto& right) {
        return lint_rank(left) < lint_rank(right);
    });
    imagined.store = imagine_cluster(imagined.lab, objects, true);
    return imagined;
}

void lint_policies_of(
    const LintInput& input, manifest::Locator& locator, manifest::Findings& findings) {
    if (const auto* profile = compile::ignoring_profile(input.store)) {
        findings.add(locator.warning(
            input.lab.source,
            "spec.cni.profile",
            "spec.cni.profile: " +
                compile::ignored_policies_text(*profile, compile::count_policies(input.store)),
            "choose a profile that enforces them, or leave them out"));
    }
    for (const auto& finding : explain::lint_policies(compile::policy_world(input.store))) {
        const auto& policy = *finding.policy;
        const auto source = input.sources.find({policy.kind, policy.ns, policy.name});
        findings.add(locator.warning(
            source == input.sources.end() ? api::Source() : source->second,
            finding.path,
            policy.label() + ": " + finding.path + ": " + finding.message,
            finding.hint));
    }
}

bool has_kind(const manifest::ReadResult& input, const std::string& kind) {
    return std::any_of(
        input.objects.begin(), input.objects.end(), [&kind](const api::Object& object) {
            return object.kind() == kind;
        });
}

/// What a controller would tell of, but for what may well be in other files: Services and Secrets,
/// where the input has none at all.
void lint_ingresses_of(
    const manifest::ReadResult& read,
    LintInput& input,
    manifest::Locator& locator,
    manifest::Findings& findings) {
    const bool services = has_kind(read, "Service");
    const bool secrets = has_kind(read, "Secret");
    compile::Ingresses ingresses(input.store);
    for (const auto& note : ingresses.update().notes) {
        const std::string_view reason(note.reason);
        if (!note.warning || (reason == "BadBackend" && !services) ||
            (reason == "NoSecret" && !secrets)) {
            continue;
        }
        const auto& ingress = *note.ingress;
        const auto source = input.sources.find(ingress.key());
        findings.add(locator.warning(
            source == input.sources.end() ? api::Source() : source->second,
            note.path,
            "Ingress \"" + ingress.name() + "\": " + note.path + ": " + note.text,
            ""));
    }
}

/// What a Gateway's controller would tell of; as above, without what may be in other files: of
/// kinds that the input has none of.
void lint_gateways_of(
    const manifest::ReadResult& read,
    LintInput& input,
    manifest::Locator& locator,
    manifest::Findings& findings) {
    const std::vector<std::pair<std::string_view, std::string>> elsewhere{
        {"BackendNotFound", "Service"},
        {"InvalidCertificateRef", "Secret"},
        {"NoMatchingParent", "Gateway"}};
    compile::Gateways gateways(input.store);
    for (const auto& note : gateways.update().notes) {
        const auto other =
            std::find_if(elsewhere.begin(), elsewhere.end(), [&note](const auto& one) {
                return one.first == note.reason;
            });
        if (other != elsewhere.end() && !has_kind(read, other->second)) {
            continue;
        }
        const auto& object = *note.object;
        const auto source = input.sources.find(object.key());
        findings.add(locator.warning(
            source == input.sources.end() ? api::Source() : source->second,
            note.path,
            object.kind() + " \"" + object.name() + "\": " + note.path + ": " + note.text,
            ""));
    }
}

bool has_policies(const store::Store& store, bool (*is_kind)(const std::string& kind)) {
    const auto kinds = store.kinds();
    return std::any_of(kinds.begin(), kinds.end(), is_kind);
}

/// Policies of a mesh; in a lab without one only that nothing acts on them.
void lint_mesh_of(
    const LintInput& input, manifest::Locator& locator, manifest::Findings& findings) {
    const auto config = compile::ClusterConfig::from_lab(input.lab);
    const bool has_lab = !input.lab.source.file.empty();
    const auto nothing_acts = [&](const std::string& what, const std::string& profile) {
        findings.add(locator.warning(
            input.lab.source,
            "spec.mesh.profile",
            "spec.mesh.profile: the lab has no " +
                (config.mesh_profile == "none" ? "mesh" : "mesh of " + profile) +
                ", so nothing acts on its " + what,
            "say spec.mesh.profile: " + profile + ", or leave them out"));
    };
    const bool istio = has_policies(input.store, explain::is_mesh_kind);
    const bool linkerd = has_policies(input.store, compile::is_linkerd_policy_kind);
    if (has_lab && istio && config.mesh_profile != "istio") {
        nothing_acts(
            "PeerAuthentications, RequestAuthentications and AuthorizationPolicies", "istio");
    }
    if (has_lab && linkerd && config.mesh_profile != "linkerd") {
        nothing_acts("policies of policy.linkerd.io", "linkerd");
    }
    const bool traffic = has_policies(input.store, compile::is_traffic_kind);
    if (has_lab && traffic && config.mesh_profile != "istio") {
        nothing_acts("VirtualServices and DestinationRules", "istio");
    }
    std::vector<explain::MeshFinding> all;
    if (istio && (!has_lab || config.mesh_profile == "istio")) {
        all = explain::lint_mesh(input.store);
    }
    if (traffic && (!has_lab || config.mesh_profile == "istio")) {
        for (auto& finding : explain::lint_traffic(input.store, config)) {
            all.push_back(std::move(finding));
        }
    }
    if (linkerd && (!has_lab || config.mesh_profile == "linkerd")) {
        for (auto& finding : explain::lint_linkerd(input.store, config)) {
            all.push_back(std::move(finding));
        }
    }
    for (const auto& finding : all) {
        const auto& policy = *finding.object;
        const auto source = input.sources.find(policy.key());
        findings.add(locator.warning(
            source == input.sources.end() ? api::Source() : source->second,
            finding.path,
            std::string(api::plain_kind(policy.kind())) + " \"" + policy.name() +
                "\": " + finding.path + ": " + finding.message,
            finding.hint));
    }
}

} // namespace

manifest::Findings lint_objects(const manifest::ReadResult& input) {
    manifest::Findings findings;
    const bool policies =
        std::any_of(input.objects.begin(), input.objects.end(), [](const api::Object& object) {
            return compile::is_policy_kind(object.kind());
        });
    const bool ingresses = has_kind(input, "Ingress");
    const bool gateways = has_kind(input, "Gateway") || has_kind(input, "HTTPRoute");
    const bool mesh =
        std::any_of(input.objects.begin(), input.objects.end(), [](const api::Object& object) {
            return explain::is_mesh_kind(object.kind()) ||
                   compile::is_traffic_kind(object.kind()) ||
                   compile::is_linkerd_policy_kind(object.kind());
        });
    if (!policies && !ingresses && !gateways && !mesh) {
        return findings;
    }
    auto imagined = imagine_input(input);
    manifest::Locator locator;
    if (policies) {
        lint_policies_of(imagined, locator, findings);
    }
    if (ingresses) {
        lint_ingresses_of(input, imagined, locator, findings);
    }
    if (gateways) {
        lint_gateways_of(input, imagined, locator, findings);
    }
    if (mesh) {
        lint_mesh_of(imagined, locator, findings);
    }
    std::stable_sort(
        findings.list.begin(), findings.list.end(), [](const auto& left, const auto& right) {
            return std::tie(left.source.file, left.source.line, left.source.column) <
                   std::tie(right.source.file, right.source.line, right.source.column);
        });
    return findings;
}

} // namespace labctl::cli
