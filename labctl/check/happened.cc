#include "labctl/check/happened.h"

#include <vector>

#include "netemu/base/text.h"

namespace labctl::check {

using probe::Outcome;

std::string answered(const probe::Result& result) {
    return "answered" + (result.first.backend.empty() ? "" : " by " + result.first.backend) +
           " in " + netemu::format_duration_us(result.rtt_us);
}

std::string what_happened(const Flow& flow, const probe::Result& result) {
    const auto because = result.first.error.empty() ? "" : ": " + result.first.error;
    switch (result.first.outcome) {
    case Outcome::Ok:
        return answered(result);
    case Outcome::Refused:
        return "the connection was refused";
    case Outcome::Unreachable:
        return "the network said that it is unreachable" + because;
    case Outcome::Timeout:
        if (result.first.drop) {
            return result.first.drop->text;
        }
        return "no answer came within " +
               netemu::format_duration_us(flow.request.timeout_ms * 1000);
    case Outcome::Reset:
        return "the connection was reset after it had been opened";
    case Outcome::DnsError:
        return "the name did not resolve" + because;
    case Outcome::TlsError:
        return "the TLS handshake failed" + because;
    case Outcome::Unsupported:
        return "it cannot be probed here" + because;
    }
    return {};
}

std::string port_hint(const Flow& flow, const probe::Result& result) {
    if (result.first.outcome != Outcome::Refused || flow.to.kind != Party::Kind::Pod) {
        return {};
    }
    std::vector<std::string> ports;
    for (const auto& port : flow.to.pod->ports) {
        if (std::to_string(port.number) == flow.request.to.port) {
            return {};
        }
        ports.push_back(std::to_string(port.number) + "/" + netemu::to_lower(port.protocol));
    }
    const auto& service = flow.service_with_port;
    return flow.to.label() + " declares no port " + flow.request.to.port +
           (ports.empty() ? "" : "; it declares " + netemu::join(ports, ", ")) +
           (service.empty() ? ""
                            : "; the Service of that name has it: write " + service + ":" +
                                  flow.request.to.port);
}

std::string counted(const Flow& flow, const probe::Result& result) {
    if (result.outcomes.size() < 2) {
        return what_happened(flow, result);
    }
    return "of " + std::to_string(result.attempts) + " exchanges: " + outcome_text(result);
}

std::string outcome_text(const probe::Result& result) {
    if (result.outcomes.size() < 2) {
        return probe::to_string(result.first.outcome);
    }
    std::vector<std::string> parts;
    for (const auto& [name, count] : result.outcomes) {
        parts.push_back(name + " " + std::to_string(count));
    }
    return netemu::join(parts, ", ");
}

} // namespace labctl::check
