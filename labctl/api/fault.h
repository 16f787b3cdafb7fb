#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "labctl/api/link_change.h"

namespace labctl::api {

/// Something that is broken on purpose, as `labctl fault` and the `during` of a check write it:
///
///     cut TARGET[:INTERFACE]              the cable of a pod or node (eth0), or one interface
///     bgp node/NODE PEER                  its BGP sessions with another node, or external
///     stop node/NODE                      the whole node, with everything on it
///     drop TARGET [--share 10%] [--proto tcp] [--port N] [--direction in|out]
///     link A B [--delay 50ms] [--loss 1%] ... [--direction in|out]
///                                         what is between two targets (link_change.h)
///     flap POD [--period 2s] [--count N]  readiness: not ready for half of each period
///
/// each with `--for DURATION`, after which it heals by itself.
struct Fault {
    enum class Verb { Cut, Stop, Drop, Flap, Bgp, Link };
    enum class Direction { Both, In, Out };

    Verb verb = Verb::Cut;
    std::string target;    // [NS/]POD, node/NODE or external
    std::string interface; // of Cut; empty: eth0
    std::string peer; // of Bgp: the name of a node, or external; of Link: a target, like `target`
    LinkChange link;  // of Link
    // Drop
    unsigned share_percent = 100;
    std::string protocol;                  // tcp, udp, icmp, sctp; empty: every packet
    std::uint16_t port = 0;                // of either end; 0: every port
    Direction direction = Direction::Both; // of Link too: as `target` sees it
    // Flap
    std::uint64_t period_us = 2'000'000;
    std::uint32_t count = 0; // 0: until it is healed

    std::uint64_t heal_after_us = 0; // 0: when somebody heals it

    bool operator==(const Fault&) const = default;
};

/// The words of a fault, as above. Throws netemu::UsageError that says which word is wrong and what
/// it could be.
Fault parse_fault(const std::vector<std::string>& words);
/// The same from one text, split at spaces.
Fault parse_fault(std::string_view text);
/// The text that parse_fault reads: "drop default/web-1 --share 10% --proto tcp --port 80".
std::string to_string(const Fault& fault);
/// "cut", "stop", "drop", "flap", "bgp", "link".
std::string to_string(Fault::Verb verb);
std::optional<Fault::Verb> find_fault_verb(std::string_view word);

} // namespace labctl::api
