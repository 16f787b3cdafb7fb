#include "labctl/check/coverage.h"

#include <algorithm>
#include <cmath>

#include "netemu/base/address.h"
#include "netemu/base/text.h"

namespace labctl::check {

namespace {

using probe::Scheme;

constexpr std::uint32_t kAtOnce = 16;

/// Whether some exchange was on its way to another address than it was sent to when it was dropped.
bool was_chosen(const Flow& flow, const probe::Result& result) {
    const auto& remote = result.first.remote;
    if (remote.empty() && flow.request.to.scheme == Scheme::Dns) {
        return false; // it has asked several servers
    }
    return std::ranges::any_of(probe::drops_of(result), [&remote](const probe::Drop& drop) {
        return !drop.destination.empty() && drop.destination != remote;
    });
}

/// "tcp://10.96.0.7:80": what was really dialled; empty: not known.
std::string dialled(const Flow& flow, const probe::Result& result) {
    if (result.first.remote.empty()) {
        return {};
    }
    const auto scheme = flow.request.to.scheme;
    const auto carrier = scheme == Scheme::Dns || scheme == Scheme::Udp ? Scheme::Udp
                         : scheme == Scheme::Sctp                       ? Scheme::Sctp
                                                                        : Scheme::Tcp;
    return probe::to_string(carrier) + "://" + result.first.remote;
}

std::vector<std::string>
not_denied(const std::vector<std::string>& endpoints, const probe::Result& result) {
    const auto drops = probe::drops_of(result);
    std::vector<std::string> missed;
    std::ranges::copy_if(endpoints, std::back_inserter(missed), [&drops](const auto& endpoint) {
        return std::ranges::find(drops, endpoint, &probe::Drop::destination) == drops.end();
    });
    return missed;
}

/// The flow to one of the addresses of its name.
probe::Request to_address(const Flow& flow, const std::string& address) {
    auto request = flow.request;
    const auto& to = flow.request.to;
    request.to = make_target(to.scheme, address, to.port, to.path);
    if (probe::is_http(to.scheme)) {
        request.headers.try_emplace("host", to.host + (to.port.empty() ? "" : ":" + to.port));
    }
    return request;
}

probe::Result joined(const probe::Result& one, const probe::Result& other) {
    auto all = one;
    all.attempts += other.attempts;
    all.dropped += other.dropped;
    all.elapsed_us += other.elapsed_us;
    if (all.outcomes.empty()) {
        all.outcomes.emplace(probe::to_string(one.first.outcome), one.attempts);
    }
    for (const auto& [outcome, count] : other.outcomes) {
        all.outcomes[outcome] += count;
    }
    for (const auto& [backend, count] : other.backends) {
        all.backends[backend] += count;
    }
    for (const auto& drop : probe::drops_of(other)) {
        if (drop != all.first.drop &&
            std::ranges::find(all.other_drops, drop) == all.other_drops.end()) {
            all.other_drops.push_back(drop);
        }
    }
    return all;
}

} // namespace

std::uint32_t exchanges_to_meet(std::size_t endpoints) {
    constexpr double kMissedOnceIn = 9; // e^9 runs
    const auto count = static_cast<double>(endpoints);
    const auto exchanges = std::ceil(count * (std::log(count) + kMissedOnceIn));
    return exchanges < kExchangesMax ? static_cast<std::uint32_t>(exchanges) : kExchangesMax;
}

const std::vector<std::string>& EndpointMemory::of(const Flow& flow, const std::string& to) {
    const bool pod = flow.from.kind == Party::Kind::Pod;
    const auto where = pod ? "pods of " + flow.from.pod->node : flow.from.label();
    const auto [entry, is_new] = known_.try_emplace(where + " " + to);
    if (is_new && finder_ && !to.empty()) {
        entry->second = finder_(flow.request.from, to);
    }
    return entry->second;
}

void Coverage::widen(
    const Flow& flow, const probe::Result& result, EndpointMemory& endpoints, Batch& batch) {
    if (!result.first.drop || result.dropped < result.attempts) {
        return; // that is no denial anyway
    }
    chosen_ = was_chosen(flow, result);
    if (chosen_) {
        choices_ = endpoints.of(flow, dialled(flow, result));
        missed_ = not_denied(choices_, result);
        if (!missed_.empty()) {
            auto request = flow.request;
            request.count = exchanges_to_meet(choices_.size());
            request.concurrency = request.source_port == 0 ? kAtOnce : 1;
            again_ = batch.add(std::move(request));
        }
        return;
    }
    const auto address = netemu::IpAddress::parse(result.resolved);
    if (address && !flow.request.to.host.starts_with("pod:")) {
        probe::Request request;
        request.from = flow.request.from;
        request.via = flow.request.via;
        request.timeout_ms = flow.request.timeout_ms;
        request.to = probe::Target::parse(
            "dns://" + flow.request.to.host + (address->is_v4() ? "?type=A" : "?type=AAAA"));
        look_up_ = batch.add(std::move(request));
    }
}

void Coverage::widen_by_name(const Flow& flow, const probe::Result& result, Batch& batch) {
    const auto* look_up = look_up_ == kNotProbed ? nullptr : batch.result(look_up_);
    if (look_up == nullptr) {
        return;
    }
    of_name_ = true;
    for (const auto& answer : look_up->first.answers) {
        if (answer.type == "A" || answer.type == "AAAA") { // and no alias
            choices_.push_back(answer.data);
        }
    }
    missed_ = choices_;
    std::erase(missed_, result.resolved);
    for (const auto& address : missed_) {
        others_.push_back(batch.add(to_address(flow, address)));
    }
}

void Coverage::take_in(const probe::Result& result, const Batch& batch) {
    if (const auto* again = again_ == kNotProbed ? nullptr : batch.result(again_)) {
        all_ = joined(result, *again);
        missed_ = not_denied(choices_, *all_);
    }
    std::vector<std::string> missed;
    for (std::size_t i = 0; i < others_.size(); ++i) {
        if (const auto* other = batch.result(others_[i])) {
            all_ = joined(all_ ? *all_ : result, *other);
        } else {
            missed.push_back(missed_[i]);
        }
    }
    if (!others_.empty()) {
        missed_ = std::move(missed);
    }
}

std::string Coverage::unseen(const World& world) const {
    if (chosen_ && choices_.empty()) {
        return "nothing tells to which endpoints it may lead besides";
    }
    if (missed_.empty()) {
        return {};
    }
    std::vector<std::string> names;
    for (const auto& missed : missed_) {
        const auto end = netemu::Endpoint::parse(missed);
        const auto* pod = pod_with_address(world, end ? end->address.to_string() : missed);
        names.push_back(pod == nullptr ? missed : pod->id() + " (" + missed + ")");
    }
    const bool one = missed_.size() == 1;
    return std::to_string(missed_.size()) + " of its " + std::to_string(choices_.size()) +
           (of_name_ ? " addresses" : " endpoints") + (one ? " was" : " were") +
           " not tried: " + netemu::join(names, ", ");
}

std::vector<std::size_t> Coverage::probes() const {
    auto added = others_;
    for (const auto index : {again_, look_up_}) {
        if (index != kNotProbed) {
            added.push_back(index);
        }
    }
    return added;
}

} // namespace labctl::check
