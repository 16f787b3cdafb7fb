#include "labctl/check/wire_matrix.h"

#include "labctl/check/expand.h"
#include "netemu/base/text.h"

namespace labctl::check {

namespace {

using probe::Outcome;

probe::Scheme wire_scheme(const std::string& protocol) {
    return protocol == "UDP"    ? probe::Scheme::Udp
           : protocol == "SCTP" ? probe::Scheme::Sctp
                                : probe::Scheme::Tcp;
}

} // namespace

probe::RequestList wire_requests(const std::vector<WireFlow>& flows) {
    probe::RequestList list;
    list.probes.reserve(flows.size());
    for (const auto& flow : flows) {
        probe::Request request;
        request.id = std::to_string(list.probes.size());
        request.from = flow.from;
        request.to =
            make_target(wire_scheme(flow.protocol), flow.address, std::to_string(flow.port), {});
        request.timeout_ms = kWireTimeoutMs;
        request.identify = false;
        list.probes.push_back(std::move(request));
    }
    return list;
}

std::string to_string(WireCell::State state) {
    switch (state) {
    case WireCell::State::Allowed:
        return "allow";
    case WireCell::State::Denied:
        return "deny";
    case WireCell::State::Unknown:
        return "unknown";
    case WireCell::State::Skipped:
        return "skipped";
    }
    return {};
}

WireCell wire_cell(const probe::Result& result) {
    const auto& sample = result.first;
    switch (sample.outcome) {
    case Outcome::Ok:
        return {
            WireCell::State::Allowed,
            {},
            "answered in " + netemu::format_duration_us(result.rtt_us)};
    case Outcome::Refused:
    case Outcome::Reset:
        return {WireCell::State::Allowed, {}, "nobody listens there: " + sample.error};
    case Outcome::Unsupported:
        return {WireCell::State::Skipped, {}, sample.error};
    default:
        break;
    }
    if (sample.drop) {
        return {WireCell::State::Denied, sample.drop, sample.drop->text};
    }
    return {WireCell::State::Unknown, {}, sample.error};
}

} // namespace labctl::check
