#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "services/policy_evaluator.h"

/// Policies by identity: who may begin a connection to a pod, said of label sets instead of
/// addresses. This is what Cilium keeps for each endpoint as its policy map (cilium.io, "eBPF
/// maps": policy; `cilium bpf policy get`): identity, protocol, port -> verdict.
namespace services {

enum class MapVerdict : std::uint8_t {
    Deny,
    Allow,
    ByAddress, // a rule speaks of addresses: the identity alone does not decide
};

/// Every protocol, and those that have no ports that a policy can name (ICMP); the second number is
/// reserved by IANA.
inline constexpr std::uint8_t kMapAnyProtocol = 0;
inline constexpr std::uint8_t kMapOtherProtocols = 255;

struct PolicyMapEntry {
    std::uint32_t identity = 0;
    std::uint8_t protocol = kMapAnyProtocol; // or that of Protocol, or kMapOtherProtocols
    std::uint16_t first = 0;                 // ports; both ends count
    std::uint16_t last = 65535;
    MapVerdict verdict = MapVerdict::Allow;
    auto operator<=>(const PolicyMapEntry&) const = default;
};

/// What is allowed, sorted; what has no entry is denied.
using PolicyMap = std::vector<PolicyMapEntry>;

[[nodiscard]] MapVerdict
look_up(const PolicyMap& map, std::uint32_t identity, std::uint8_t protocol, std::uint16_t port);

/// "256 TCP 8080", "256 TCP 8000-8080", "6 any", with " by address" behind it.
[[nodiscard]] std::string to_text(const PolicyMapEntry& entry);

/// One identity: a label set with the pods that have it, or a reserved one, which has addresses
/// only.
struct IdentityMembers {
    std::uint32_t number = 0;
    std::vector<const PolicyPod*> pods; // empty: reserved
};

/// Makes the maps of a cluster's pods, from the ingress rules that the evaluator goes by: where all
/// pods of an identity are treated alike by their labels there is a verdict; where a rule tells
/// them apart, or names addresses, it is ByAddress. So a map never contradicts the evaluator.
class PolicyMaps {
public:
    /// `evaluator`, and the cluster that it evaluates, outlive this.
    PolicyMaps(PolicyEvaluator& evaluator, std::vector<IdentityMembers> identities);

    /// nullptr if no policy selects the pod for ingress: then everything is allowed. Pods that the
    /// same policies select, and whose named ports are the same, share one.
    [[nodiscard]] std::shared_ptr<const PolicyMap> map_of(const PolicyPod& pod);

private:
    enum class Match : std::uint8_t { None, Some, All };
    /// The first and last port of one verdict.
    struct Ports {
        std::uint16_t first = 0;
        std::uint16_t last = 65535;
        MapVerdict verdict = MapVerdict::Deny;
        bool operator==(const Ports&) const = default;
    };
    /// A rule as it is asked: by identity, and with its port names turned into numbers.
    struct Step;
    using Ladder = std::vector<Step>;

    [[nodiscard]] Match matches_peer(const PolicyPeer& peer, const IdentityMembers& identity);
    [[nodiscard]] const std::vector<Match>& matches(const PolicyRule& rule);
    [[nodiscard]] Ladder ladder(const std::vector<const Policy*>& policies, const PolicyPod& pod);
    static MapVerdict
    decide(const Ladder& ladder, std::size_t identity, std::uint8_t protocol, std::uint16_t port);
    static std::vector<Ports>
    decide_ports(const Ladder& ladder, std::size_t identity, std::uint8_t protocol);
    [[nodiscard]] PolicyMap compile(const Ladder& ladder) const;

    PolicyEvaluator& evaluator_;
    std::vector<IdentityMembers> identities_;
    std::map<const PolicyRule*, std::vector<Match>> matches_; // by rule and identity
    using Shared = std::pair<std::vector<const Policy*>, std::vector<NamedPort>>;
    std::map<Shared, std::shared_ptr<const PolicyMap>> maps_;
};

} // namespace services
