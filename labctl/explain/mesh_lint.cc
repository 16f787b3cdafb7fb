#include "labctl/explain/mesh_lint.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "labctl/compile/mesh_policies.h"
#include "labctl/compile/sidecar_objects.h"
#include "labctl/explain/mesh_lint_world.h"
#include "mesh/istio/rule_match.h"
#include "mesh/istio/string_match.h"
#include "netemu/base/text.h"

namespace labctl::explain {

namespace {

using mesh::SidecarProtocol;
using mesh::istio::AuthorizationPolicy;
using mesh::istio::FieldValues;
using mesh::istio::Labels;

std::string indexed(const std::string& list, std::size_t index) {
    return list + "[" + std::to_string(index) + "]";
}

std::optional<std::uint16_t> lint_port(const std::string& text) {
    std::uint16_t port = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
    const bool whole = problem == std::errc{} && end == text.data() + text.size();
    return whole ? std::optional(port) : std::nullopt;
}

std::string labels_text(const Labels& labels) {
    std::string text;
    for (const auto& [key, value] : labels) {
        text += (text.empty() ? "" : ",") + key + "=" + value;
    }
    return text;
}

class MeshLinter {
public:
    explicit MeshLinter(const store::Store& store)
        : store_(store), world_(mesh_lint_world(store)) {}

    std::vector<MeshFinding> run() && {
        for (const auto& object : store_.list("PeerAuthentication")) {
            begin(object);
            check_selector();
            const auto policy = compile::read_peer_authentication(*object);
            for (const auto& [port, mode] : policy.port_modes) {
                if (!selector_.empty()) { // else the validation has told
                    check_port("spec.portLevelMtls", port);
                }
            }
        }
        read_token_policies();
        for (const auto& object : store_.list("RequestAuthentication")) {
            begin(object);
            if (!compile::authorization_scope(*object).has_targets) {
                check_selector();
                check_required();
            }
        }
        for (const auto& object : store_.list("AuthorizationPolicy")) {
            begin(object);
            if (!compile::authorization_scope(*object).has_targets) {
                check_selector();
                check_rules(compile::read_authorization_policy(*object));
            }
        }
        return std::move(findings_);
    }

private:
    void begin(const api::ObjectPtr& object) {
        object_ = object;
        selector_ = api::labels_at(object->body, "spec.selector.matchLabels");
        pods_ = world_.selected(object->ns(), selector_);
    }

    void say(std::string path, std::string message, std::string hint) {
        findings_.push_back({object_, std::move(path), std::move(message), std::move(hint)});
    }

    void check_selector() {
        const bool ignored =
            object_->kind() == "PeerAuthentication" && object_->ns() == compile::kMeshNamespace;
        if (selector_.empty() || ignored || world_.pods.empty() || !pods_.empty()) {
            return;
        }
        const bool of_root = object_->ns() == compile::kMeshNamespace;
        say("spec.selector",
            "selects nothing: there are no pods with " + labels_text(selector_) +
                (of_root ? "" : " in the namespace " + object_->ns()),
            std::string("compare the selector with the labels of the pods' template") +
                (of_root ? "" : "; it reaches the pods of the policy's own namespace only"));
    }

    /// A port that Services have and no pod of the policy does.
    void check_port(const std::string& path, std::uint16_t port) {
        const MeshLintPod::Service* service = nullptr;
        for (const auto* pod : pods_) {
            if (pod->has(port)) {
                return;
            }
            if (const auto found = pod->services.find(port); found != pod->services.end()) {
                service = &found->second;
            }
        }
        if (service != nullptr) {
            say(path,
                "port " + std::to_string(port) + " is that of Service " + service->name +
                    ", and policies see the pods' own: this matches nothing",
                "write the port of the container: " + std::to_string(service->target));
        }
    }

    void check_ports(const std::string& path, const FieldValues& field, bool condition = false) {
        const auto check = [&](const std::string& name, const std::vector<std::string>& values) {
            for (std::size_t i = 0; i < values.size(); ++i) {
                if (const auto port = lint_port(values[i])) {
                    check_port(indexed(path + name, i), *port);
                }
            }
        };
        check(condition ? ".values" : ".ports", field.values);
        check(condition ? ".notValues" : ".notPorts", field.not_values);
    }

    void check_principal(const std::string& path, const std::string& text) {
        if (text.starts_with(mesh::istio::kSpiffeScheme)) {
            const auto plain = text.substr(mesh::istio::kSpiffeScheme.size());
            say(path,
                "principals are written without spiffe://, so \"" + text + "\" matches nobody",
                "write " + plain);
            return;
        }
        const auto parts = netemu::split(text, '/'); // DOMAIN/ns/NAMESPACE/sa/ACCOUNT
        if (parts.size() == 5 && parts[1] == "ns" && parts[3] == "sa") {
            check_account(path, std::string(parts[2]), std::string(parts[4]));
        }
    }

    void check_account(const std::string& path, const std::string& ns, const std::string& name) {
        const auto account = ns + "/" + name;
        if (world_.pods.empty() || account.find('*') != std::string::npos ||
            world_.accounts.contains(account)) {
            return;
        }
        const std::vector<std::string> known(world_.accounts.begin(), world_.accounts.end());
        const auto near = netemu::nearest(account, known);
        say(path,
            "there is no ServiceAccount " + account + ", so nobody has this identity",
            near ? "did you mean " + *near + "?" : "pods name theirs in spec.serviceAccountName");
    }

    template <class Check>
    static void each(const std::string& path, const std::vector<std::string>& values, Check check) {
        for (std::size_t i = 0; i < values.size(); ++i) {
            check(indexed(path, i), values[i]);
        }
    }

    void check_source(const std::string& path, const mesh::istio::Source& source) {
        const auto principal = [this](const auto& at, const auto& text) {
            check_principal(at, text);
        };
        const auto account = [this](const auto& at, const std::string& text) {
            const auto slash = text.find('/');
            slash == std::string::npos
                ? check_account(at, object_->ns(), text)
                : check_account(at, text.substr(0, slash), text.substr(slash + 1));
        };
        each(path + ".principals", source.principals.values, principal);
        each(path + ".notPrincipals", source.principals.not_values, principal);
        each(path + ".serviceAccounts", source.service_accounts.values, account);
        each(path + ".notServiceAccounts", source.service_accounts.not_values, account);
    }

    void check_rules(const AuthorizationPolicy& policy) {
        for (std::size_t i = 0; i < policy.rules.size(); ++i) {
            const auto& rule = policy.rules[i];
            const auto path = indexed("spec.rules", i);
            for (std::size_t k = 0; k < rule.from.size(); ++k) {
                check_source(indexed(path + ".from", k) + ".source", rule.from[k]);
            }
            for (std::size_t k = 0; k < rule.to.size(); ++k) {
                check_ports(indexed(path + ".to", k) + ".operation", rule.to[k].ports);
            }
            for (std::size_t k = 0; k < rule.when.size(); ++k) {
                check_condition(indexed(path + ".when", k), rule.when[k]);
            }
            check_http(policy, rule, path);
            if (mesh::istio::needs_token(rule)) {
                check_validated(path);
            }
        }
    }

    void read_token_policies() {
        for (const auto& object : store_.list("RequestAuthentication")) {
            validated_.push_back(compile::authorization_scope(*object));
        }
        for (const auto& object : store_.list("AuthorizationPolicy")) {
            const auto policy = compile::read_authorization_policy(*object);
            if (std::any_of(policy.rules.begin(), policy.rules.end(), mesh::istio::needs_token)) {
                asked_.push_back(compile::authorization_scope(*object));
            }
        }
    }

    /// A pod of the policy that none of the scopes is for, or nullptr.
    [[nodiscard]] const MeshLintPod*
    outside(const std::vector<mesh::istio::PolicyScope>& scopes) const {
        for (const auto* pod : pods_) {
            if (std::none_of(scopes.begin(), scopes.end(), [&](const auto& scope) {
                    return mesh::istio::applies(scope, pod->ns, pod->labels);
                })) {
                return pod;
            }
        }
        return nullptr;
    }

    void check_validated(const std::string& path) {
        if (const auto* pod = outside(validated_); pod != nullptr) {
            say(path,
                "it asks for what a token says, but no RequestAuthentication is for pod " +
                    pod->ns + "/" + pod->name + ", so no token is ever validated there",
                "make one whose selector fits the pod's labels");
        }
    }

    void check_required() {
        if (const auto* pod = outside(asked_); pod != nullptr) {
            say("spec",
                "it refuses bad tokens, but requires none: requests without a token reach pod " +
                    pod->ns + "/" + pod->name + " as before",
                "add an AuthorizationPolicy that asks for requestPrincipals: [\"*\"]");
        }
    }

    void check_condition(const std::string& at, const mesh::istio::Condition& condition) {
        if (condition.key == "destination.port") {
            check_ports(at, condition.values, true);
        } else if (condition.key == "source.principal") {
            each(at + ".values", condition.values.values, [this](const auto& p, const auto& t) {
                check_principal(p, t);
            });
        }
    }

    /// The ports that the rule may be for; of a pod those that Services lead to.
    [[nodiscard]] std::map<std::uint16_t, SidecarProtocol>
    ports_of(const mesh::istio::Rule& rule) const {
        std::map<std::uint16_t, SidecarProtocol> ports;
        const auto named = [&](std::uint16_t port) {
            return rule.to.empty() ||
                   std::any_of(rule.to.begin(), rule.to.end(), [&](const auto& operation) {
                       const auto& wanted = operation.ports.values;
                       return wanted.empty() ||
                              std::find(wanted.begin(), wanted.end(), std::to_string(port)) !=
                                  wanted.end();
                   });
        };
        for (const auto* pod : pods_) {
            for (const auto& [port, protocol] : pod->served) {
                if (named(port)) {
                    ports.emplace(port, protocol);
                }
            }
        }
        return ports;
    }

    void check_http(
        const AuthorizationPolicy& policy, const mesh::istio::Rule& rule, const std::string& path) {
        if (!mesh::istio::asks_for_http(rule)) {
            return;
        }
        const auto ports = ports_of(rule);
        std::string list;
        for (const auto& [port, protocol] : ports) {
            if (protocol != SidecarProtocol::Tcp) {
                return;
            }
            list += (list.empty() ? "" : ", ") + std::to_string(port);
        }
        if (list.empty()) {
            return;
        }
        const bool allow = policy.action == AuthorizationPolicy::Action::Allow;
        say(path,
            "it asks for what only HTTP has (methods, paths, hosts, headers), but is for TCP "
            "(port " +
                list + "): " +
                (allow ? "such a rule is left out, so it allows nothing"
                       : "those fields are left out, so it matches more than it says"),
            "if it is HTTP, say so in the Service: appProtocol: http, or a port name http or "
            "http-...; if not, leave these fields out");
    }

    const store::Store& store_;
    const MeshLintWorld world_;
    std::vector<mesh::istio::PolicyScope> validated_; // of RequestAuthentications
    std::vector<mesh::istio::PolicyScope> asked_;     // of policies that ask for tokens
    api::ObjectPtr object_;                           // that is looked at
    Labels selector_;
    std::vector<const MeshLintPod*> pods_; // that it selects
    std::vector<MeshFinding> findings_;
};

} // namespace

bool is_mesh_kind(const std::string& kind) {
    return kind == "PeerAuthentication" || kind == "AuthorizationPolicy" ||
           kind == "RequestAuthentication";
}

std::vector<MeshFinding> lint_mesh(const store::Store& store) {
    return MeshLinter(store).run();
}

} // namespace labctl::explain
