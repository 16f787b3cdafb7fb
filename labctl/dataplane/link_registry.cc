#include "labctl/dataplane/link_registry.h"

#include <algorithm>
#include <set>

#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "labctl/dataplane/link_wire.h"
#include "netemu/base/error.h"

namespace labctl::dataplane {
namespace {

/// A device that somebody has deleted takes its descriptors along.
bool tap_is_there(const netemu::UniqueFd& tap) {
    ifreq request{};
    return tap && ::ioctl(tap.get(), TUNGETIFF, &request) == 0;
}

void write_impairments(WireWriter& record, const LinkCable& cable) {
    for (const auto& end : cable.ends) {
        write_impairment(record, end.impairment);
    }
}

LinkCounters add_counters(LinkCounters sum, LinkCounters more) {
    std::vector<std::uint64_t> numbers;
    more.each([&](std::uint64_t number) { numbers.push_back(number); });
    auto next = numbers.begin();
    sum.each([&](std::uint64_t& number) { number += *next++; });
    return sum;
}

} // namespace

void LinkRegistry::set_channel(Channel* channel) {
    channel_ = channel;
    for (auto& [first, link] : links_) {
        link.before = link.now;
        announce(link);
    }
}

void LinkRegistry::serve(const std::vector<LinkCable>& cables) {
    std::set<End> wanted;
    for (const auto& cable : cables) {
        wanted.insert(end_of(cable, 0));
    }
    for (auto each = links_.begin(); each != links_.end();) {
        if (wanted.contains(each->first)) {
            ++each;
            continue;
        }
        remove(each->second);
        each = links_.erase(each);
    }
    for (const auto& cable : cables) {
        const auto [found, is_new] = links_.try_emplace(end_of(cable, 0));
        if (is_new) {
            found->second.id = next_id_++;
        }
        update(found->second, cable);
    }
}

void LinkRegistry::update(Link& link, const LinkCable& cable) {
    const bool moved =
        link.cable.ends[1].ns != cable.ends[1].ns || link.cable.ends[1].link != cable.ends[1].link;
    const bool changed = link.cable != cable;
    if (moved) {
        ends_.erase(end_of(link.cable, 1));
        link.taps = {};
    }
    link.cable = cable;
    for (std::size_t i = 0; i < 2; ++i) {
        ends_[end_of(cable, i)] = {&link, i};
    }
    if (!tap_is_there(link.taps[0]) || !tap_is_there(link.taps[1])) {
        open(link);
        announce(link);
    } else if (changed && channel_ != nullptr) {
        WireWriter record;
        record.op(Op::ChangeLink).u32(link.id);
        write_impairments(record, cable);
        channel_->send(record.bytes());
    }
}

void LinkRegistry::open(Link& link) {
    for (std::size_t i = 0; i < 2; ++i) {
        const auto& end = link.cable.ends.at(i);
        link.taps.at(i) = open_tun_(end.ns, end.link);
    }
}

void LinkRegistry::remove(const Link& link) {
    for (std::size_t i = 0; i < 2; ++i) {
        ends_.erase(end_of(link.cable, i));
    }
    if (channel_ != nullptr) {
        channel_->send(WireWriter().op(Op::RemoveLink).u32(link.id).bytes());
    }
}

void LinkRegistry::announce(const Link& link) const {
    if (channel_ == nullptr) {
        return;
    }
    WireWriter record;
    record.op(Op::AddLink).u32(link.id);
    write_impairments(record, link.cable);
    channel_->send(record.bytes(), {link.taps[0].get(), link.taps[1].get()});
}

void LinkRegistry::counters_arrived(WireReader& record) {
    const auto id = record.u32();
    const auto end = record.u8();
    const auto now = read_counters(record);
    if (end > 1) {
        throw netemu::Error("the data plane sends counters of a third end of a link");
    }
    const auto found = std::find_if(
        links_.begin(), links_.end(), [id](const auto& each) { return each.second.id == id; });
    if (found != links_.end()) {
        auto& link = found->second;
        link.now.at(end) = add_counters(link.before.at(end), now);
    }
}

const LinkCounters* LinkRegistry::counters(const std::string& ns, const std::string& link) const {
    const auto found = ends_.find({ns, link});
    return found == ends_.end() ? nullptr : &found->second.first->now.at(found->second.second);
}

} // namespace labctl::dataplane
