#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "services/policy_cluster.h"

/// Names in the table that enforces policies, and what its drop rules write into the log. A name
/// that would be longer than a chain's may be is cut; the hash at its head keeps it unique.
namespace services {

/// `table inet labctl` of a node.
inline constexpr std::string_view kPolicyTable = "labctl";
/// The group of nfnetlink_log that drop rules send the packet to.
inline constexpr std::uint16_t kPolicyLogGroup = 100;
/// How much of it: the headers.
inline constexpr std::uint32_t kPolicyLogBytes = 128;

/// "ingress", "egress".
[[nodiscard]] std::string_view to_text(PolicyDirection way);
/// "admin", "np", "baseline".
[[nodiscard]] std::string_view to_text(PolicyTier tier);

/// Eight characters that stand for a text.
[[nodiscard]] std::string policy_hash(const std::string& text);
/// WORD, "-", the hash of `text`, and "-" with as much of `text` as fits, in the characters that
/// nft(8) takes for a name.
[[nodiscard]] std::string policy_object_name(std::string_view word, const std::string& text);
/// `text` as a comment: at most 120 bytes.
[[nodiscard]] std::string policy_comment(std::string text);

/// What a drop rule's log prefix says: `labctl ingress/np/HASH`, `labctl egress/admin/HASH/3`,
/// `labctl egress/invalid`, `labctl spoofed`. At most 64 bytes.
struct PolicyLogPrefix {
    enum class Kind {
        Isolated, // NetworkPolicies select the pod and none allows it; `hash` is of their names
        Rule,     // `rule` of the policy with this hash says Deny
        Invalid,  // a packet of no connection that connection tracking knows (reference 6.13)
        Spoofed,  // a source address other than the pod's own
    };
    Kind kind = Kind::Isolated;
    PolicyDirection way = PolicyDirection::Ingress; // Spoofed: Egress
    PolicyTier tier = PolicyTier::NetworkPolicy;    // of Isolated and Rule
    std::string hash;
    std::size_t rule = 0; // of Rule: index in the policy's rules of this direction
    bool operator==(const PolicyLogPrefix&) const = default;
};
[[nodiscard]] std::string to_text(const PolicyLogPrefix& prefix);
/// nullopt for what no rule of ours writes.
[[nodiscard]] std::optional<PolicyLogPrefix> parse_policy_log_prefix(std::string_view text);

} // namespace services
