#include "labctl/api/link_change.h"
#include "labctl/compile/topology_draft.h"

/// What a lab file's links do to packets.
namespace labctl::compile {

namespace {

using api::Json;

/// As `fault link` writes it: "50ms", "1%", "10mbit", 100.
std::string value_text(const Json& value) {
    return value.is_string() ? value.get<std::string>() : value.dump();
}

netemu::Impairment impairment_of(const api::LinkChange& change) {
    netemu::Impairment made;
    made.delay_us = change.delay_us.value_or(0);
    made.jitter_us = change.jitter_us.value_or(0);
    made.loss = change.loss.value_or(0);
    made.duplicate = change.duplicate.value_or(0);
    made.reorder = change.reorder.value_or(0);
    made.corrupt = change.corrupt.value_or(0);
    made.rate_bps = change.rate_bps.value_or(0);
    made.queue = change.queue.value_or(0);
    return made;
}

/// Takes the fields that are set over those that are there. `mtu` is the link's own business.
void read_values(
    const Json& json,
    const std::string& path,
    api::LinkChange& change,
    TopologyProblems& problems) {
    for (const auto& [name, value] : json.items()) {
        if (name == "mtu" || !api::is_link_value(name)) {
            continue;
        }
        const auto text = value_text(value);
        if (const auto why = api::set_link_value(change, name, text); !why.empty()) {
            problems.add(path + "." + name, "'" + text + "' " + why);
        }
    }
}

void check_sense(
    const api::LinkChange& change, const std::string& path, TopologyProblems& problems) {
    if (change.jitter_us.value_or(0) > change.delay_us.value_or(0)) {
        problems.add(path + ".jitter", "the jitter is more than the delay, which it is a part of");
    }
}

} // namespace

void read_impairments(
    const Json& link,
    const std::string& path,
    const std::array<std::string, 2>& names,
    DraftLink& draft,
    TopologyProblems& problems) {
    api::LinkChange both;
    read_values(link, path, both, problems);
    check_sense(both, path, problems);
    draft.impairments = {impairment_of(both), impairment_of(both)};
    const auto& towards = api::at(link, "towards");
    if (!towards.is_object()) {
        return;
    }
    for (const auto& [name, values] : towards.items()) {
        const auto where = path + ".towards." + name;
        const auto end = name == names[0] ? 0U : 1U;
        if (name != names[end]) {
            problems.add(
                where,
                "'" + name + "' is no end of this link",
                "its ends are '" + names[0] + "' and '" + names[1] + "'");
            continue;
        }
        if (!values.is_object()) {
            problems.add(
                where,
                "expected what happens on that way",
                "towards: {" + name + ": {delay: 50ms}}");
            continue;
        }
        auto one = both;
        for (const auto& [field, value] : values.items()) {
            if (field == "mtu" || !api::is_link_value(field)) {
                problems.add(
                    where + "." + field,
                    "no direction has a '" + field + "'",
                    "delay, jitter, loss, duplicate, reorder, corrupt, rate or queue");
            }
        }
        read_values(values, where, one, problems);
        check_sense(one, where, problems);
        draft.impairments[1 - end] = impairment_of(one); // what leaves by the other end
    }
}

void read_emulation(
    const Json& underlay, const Json& link, DraftLink& draft, TopologyProblems& problems) {
    const bool own = !api::at(link, "emulation").is_null();
    const auto place = own ? draft.path : std::string("spec.underlay");
    const auto word = api::string_at(own ? link : underlay, "emulation", kEmulationNone);
    draft.userspace = word == kEmulationUserspace;
    if (!draft.userspace && word != kEmulationNone) {
        problems.add(
            place + ".emulation",
            "'" + word + "' is not known",
            "none: the kernel carries the link; userspace: the data plane does, by TAP devices");
    }
    if (draft.userspace && draft.mtu > kTapMtuMax) {
        problems.add(
            (api::at(link, "mtu").is_null() ? std::string("spec.underlay") : draft.path) + ".mtu",
            std::to_string(draft.mtu) + " is more than a link in userspace can have",
            "at most " + std::to_string(kTapMtuMax));
    }
}

} // namespace labctl::compile
