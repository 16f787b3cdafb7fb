#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "labctl/dataplane/channel.h"
#include "labctl/dataplane/client.h"
#include "labctl/dataplane/link_counters.h"
#include "labctl/dataplane/wire.h"

namespace labctl::dataplane {

/// The supervisor's record of the links in userspace: their TAP devices, and what is done to their
/// packets. It keeps both, so that a new child can take over, and their counters, which a new child
/// would begin anew.
class LinkRegistry {
public:
    explicit LinkRegistry(TunFactory open_tun) : open_tun_(std::move(open_tun)) {}

    /// The channel to the child that runs now, or nullptr. A new child is told everything.
    void set_channel(Channel* channel);

    /// These are the links now: opens what is new, tells of what has changed, closes all others.
    /// Throws netemu::Error if a device is not there.
    void serve(const std::vector<LinkCable>& cables);

    /// Takes the fields of a record of the child.
    void counters_arrived(WireReader& record);

    /// Of what left by that end; nullptr: there is no such end.
    [[nodiscard]] const LinkCounters*
    counters(const std::string& ns, const std::string& link) const;

private:
    using End = std::pair<std::string, std::string>; // namespace, device
    struct Link {
        std::uint32_t id = 0;
        LinkCable cable;
        std::array<netemu::UniqueFd, 2> taps;
        std::array<LinkCounters, 2> before{}; // of children that are gone
        std::array<LinkCounters, 2> now{};    // with those
    };

    static End end_of(const LinkCable& cable, std::size_t end) {
        return {cable.ends.at(end).ns, cable.ends.at(end).link};
    }
    void open(Link& link);
    void update(Link& link, const LinkCable& cable);
    void remove(const Link& link);
    void announce(const Link& link) const;

    TunFactory open_tun_;
    Channel* channel_ = nullptr;
    std::map<End, Link> links_;                               // by their first end
    std::map<End, std::pair<const Link*, std::size_t>> ends_; // each with its place
    std::uint32_t next_id_ = 1;
};

} // namespace labctl::dataplane
