#pragma once

#include <functional>
#include <string>
#include <vector>

#include "labctl/explain/policy_lint.h"
#include "services/pod_sets.h"

/// The single checks of policy_lint.h. Internal to this folder.
namespace labctl::explain {

class PolicyLinter {
public:
    explicit PolicyLinter(const compile::PolicyWorld& world);
    std::vector<PolicyFinding> run();

private:
    struct RulePlace {
        services::PolicyDirection way;
        std::size_t number;
        const services::PolicyRule& rule;
        std::string path; // "spec.egress[0]"
    };

    // policy_lint.cc
    void check_selections();
    void check_and_or(const RulePlace& place);
    void check_dns();
    [[nodiscard]] bool selects_nobody(const services::PodSelection& selection) const;
    void each_rule(const std::function<void(const RulePlace&)>& visit) const;
    void say(std::string path, std::string message, std::string hint);

    // policy_lint_ports.cc
    void check_ports(const RulePlace& place);
    void check_port(const RulePlace& place, std::size_t number, const services::PodBits& pods);

    // policy_lint_admin.cc
    void check_shadowed(const RulePlace& place);
    void check_priority();

    const compile::PolicyWorld& world_;
    services::PodSets pods_;
    bool has_pods_ = false;      // of the input itself: those of kube-system come by themselves
    services::PolicyPtr policy_; // the one that is looked at
    std::vector<PolicyFinding> findings_;
};

/// "pods with app=web of namespaces with team=a", for messages.
[[nodiscard]] std::string selection_text(const services::PodSelection& selection);
[[nodiscard]] std::string selector_text(const services::LabelSelector& selector);

} // namespace labctl::explain
