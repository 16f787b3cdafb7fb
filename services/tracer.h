#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "netemu/model/nft.h"
#include "services/endpoint.h"

/// A packet tracer over nftables values: what rules would do to the first packet of a connection,
/// with no kernel. It walks the base chains of one network namespace in the order of hooks and
/// priorities, as nft(8) and the kernel's netfilter do, follows every random choice, and tells
/// every possible outcome with its probability. Reference 3.1 (hook walk) and 13.1.
namespace services {

/// The first packet of a connection. Conntrack knows nothing of it: it is `ct state new`.
struct TracePacket {
    IpAddress source;
    IpAddress destination;
    std::uint8_t protocol = protocol_number(Protocol::Tcp); // IPPROTO_*
    std::uint16_t destination_port = 0;
    std::uint16_t source_port = 40000;
    bool from_node = false;       // sent by a process of this namespace; else it was received
    std::string input_interface;  // empty: unknown, and matches no name
    std::string output_interface; // the same
    std::uint32_t mark = 0;
};

/// Close: a proxy of the node takes the connection and closes it at once.
enum class TraceVerdict { Accept, Drop, Reject, Close };

/// One rule that matched.
struct TraceStep {
    std::string
        what; // what it did: "jump", "map lookup", "random choice 2 of 3", "destination NAT"
    std::string table; // "ip kube-proxy"
    std::string chain;
    std::string rule; // as `nft list` writes it, without the comment
    std::string comment;
    std::string element; // of the set or map that it looked into, with the set's name; may be empty
    bool operator==(const TraceStep&) const = default;
};

/// Elements that rules added to dynamic sets, such as those of session affinity: set -> keys.
using TraceMemory = std::map<std::string, std::set<std::string>>;

struct TraceOutcome {
    TraceVerdict verdict = TraceVerdict::Accept;
    double probability = 1.0;
    std::optional<netemu::Endpoint> target; // where destination NAT sent it
    bool masqueraded = false;
    bool relayed = false; // a proxy of the node makes the connection to the target, as itself
    bool delivered_here = false; // accepted, and for this namespace itself
    std::vector<TraceStep> steps;
    TraceMemory remembered; // what this packet would add to dynamic sets

    /// As kube-proxy's own tests write it: "10.180.0.1:80", "DROP", "REJECT", or "" for a packet
    /// that goes on to where it was sent; and "CLOSE".
    [[nodiscard]] std::string to_string() const;
};

/// Looks into tables, which must live as long as the tracer. Making one costs a look at every
/// chain and element; tracing does not.
class NftTracer {
public:
    /// `local_addresses`: those of the namespace, for `fib ... type local` and for the choice
    /// between input and forward. Loopback addresses always are.
    NftTracer(
        std::span<const netemu::NftTable* const> tables, std::vector<IpAddress> local_addresses);
    ~NftTracer();
    NftTracer(NftTracer&&) noexcept;
    NftTracer& operator=(NftTracer&&) noexcept;
    NftTracer(const NftTracer&) = delete;
    NftTracer& operator=(const NftTracer&) = delete;

    /// Every outcome, in the order of the random choices. Throws netemu::Error for jumps without
    /// end and for names of chains and sets that no table has.
    [[nodiscard]] std::vector<TraceOutcome>
    trace(const TracePacket& packet, const TraceMemory& memory = {}) const;

private:
    struct Index;
    std::unique_ptr<const Index> index_;
};

} // namespace services
