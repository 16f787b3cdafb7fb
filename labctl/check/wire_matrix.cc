#include "labctl/check/wire_matrix.h"

#include <algorithm>

#include "labctl/check/expand.h"
#include "netemu/base/text.h"

namespace labctl::check {

namespace {

using probe::Outcome;

bool in_matrix(const PodView& pod, const std::string& ns) {
    return pod.alive() && pod.phase == "Running" && !pod.host_network && !pod.ips.empty() &&
           (ns.empty() || pod.ns == ns);
}

/// Each port once: containers may declare one twice.
std::vector<PortView> distinct_ports(const std::vector<PortView>& ports) {
    std::vector<PortView> distinct;
    for (const auto& port : ports) {
        const bool known = std::ranges::any_of(distinct, [&](const PortView& other) {
            return other.number == port.number && other.protocol == port.protocol;
        });
        if (!known && port.protocol != "SCTP") {
            distinct.push_back(port);
        }
    }
    return distinct;
}

WireCell cell_of(const probe::Result& result) {
    WireCell cell;
    cell.text = result.first.error;
    switch (result.first.outcome) {
    case Outcome::Ok:
        cell.state = WireCell::State::Reached;
        cell.text = "answered in " + netemu::format_duration_us(result.rtt_us);
        break;
    case Outcome::Refused:
    case Outcome::Reset:
        cell.state = WireCell::State::Reached;
        break;
    default:
        cell.drop = result.first.drop;
        cell.state = cell.drop ? WireCell::State::Dropped : WireCell::State::Unknown;
        break;
    }
    return cell;
}

} // namespace

std::vector<WireFlow> wire_flows(const World& world, const WireMatrixOptions& options) {
    std::vector<WireFlow> flows;
    for (const auto& to : world.pods) {
        if (!in_matrix(to, options.ns)) {
            continue;
        }
        const auto ports = distinct_ports(options.ports.empty() ? to.ports : options.ports);
        for (const auto& from : world.pods) {
            if (&from == &to || !in_matrix(from, options.ns)) {
                continue;
            }
            for (const auto& port : ports) {
                flows.push_back({&from, &to, port.number, port.protocol});
            }
        }
    }
    return flows;
}

probe::RequestList
wire_requests(const std::vector<WireFlow>& flows, const WireMatrixOptions& options) {
    probe::RequestList list;
    list.probes.reserve(flows.size());
    for (const auto& flow : flows) {
        probe::Request request;
        request.id = std::to_string(list.probes.size());
        request.from = flow.from->id();
        request.to = make_target(
            flow.protocol == "UDP" ? probe::Scheme::Udp : probe::Scheme::Tcp,
            flow.to->ips.front(),
            std::to_string(flow.port),
            {});
        request.timeout_ms = options.timeout_ms;
        request.identify = false;
        list.probes.push_back(std::move(request));
    }
    return list;
}

std::vector<WireCell> wire_cells(const std::vector<probe::Result>& results) {
    std::vector<WireCell> cells;
    cells.reserve(results.size());
    std::ranges::transform(results, std::back_inserter(cells), cell_of);
    return cells;
}

} // namespace labctl::check
