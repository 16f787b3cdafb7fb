#include "labctl/report/probe_table.h"

#include <map>
#include <unordered_map>

#include "labctl/api/grpc_status.h"
#include "labctl/report/table.h"
#include "netemu/base/text.h"

namespace labctl::report {

namespace {

using Counts = std::map<std::string, std::uint32_t>;

std::string counts_text(const Counts& counts) {
    if (counts.size() == 1) {
        return counts.begin()->first;
    }
    std::vector<std::string> parts;
    for (const auto& [name, count] : counts) {
        parts.push_back(name + " " + std::to_string(count));
    }
    return netemu::join(parts, ", ");
}

Colour colour_of(const Counts& outcomes) {
    if (outcomes.size() == 1 && outcomes.contains("ok")) {
        return Colour::Green;
    }
    return outcomes.contains("unsupported") || outcomes.contains("ok") ? Colour::Yellow
                                                                       : Colour::Red;
}

/// "A 10.96.0.100, A 10.96.0.101"; of an alias the owner too, or it would not be clear whose it is.
std::string answers_text(const probe::Sample& sample) {
    if (sample.answers.empty()) {
        return sample.rcode + ", no records";
    }
    std::vector<std::string> parts;
    for (const auto& answer : sample.answers) {
        const bool same_owner = answer.name == sample.answers.front().name;
        const auto owner = same_owner && !parts.empty() ? std::string() : answer.name + " ";
        parts.push_back(owner + answer.type + " " + answer.data);
    }
    return netemu::join(parts, ", ");
}

/// "TLSv1.3, CN=web by CN=lab authority until 2027-01-31T00:00:00Z".
std::string tls_text(const probe::Tls& tls) {
    // Many a certificate has no subject but names.
    const auto& whose =
        !tls.subject.empty() || tls.dns_names.empty() ? tls.subject : tls.dns_names[0];
    return (tls.version.empty() ? "" : tls.version + ", ") + "certificate " +
           (whose.empty() ? "without a name" : whose) + " by " + tls.issuer + " until " +
           tls.not_after;
}

/// "gRPC OK, SERVING"; "gRPC PERMISSION_DENIED: RBAC: access denied".
std::string grpc_text(const probe::Result& result) {
    const auto& grpc = *result.first.grpc;
    return "gRPC " +
           (result.grpc_statuses.empty() ? api::grpc_status_name(grpc.status)
                                         : counts_text(result.grpc_statuses)) +
           (result.grpc_health.empty() ? grpc.health.empty() ? "" : ", " + grpc.health
                                       : ", " + counts_text(result.grpc_health)) +
           (grpc.message.empty() ? "" : ": " + grpc.message);
}

/// What else there is to say: the status of HTTP or gRPC, whose certificate it was, the address
/// that a name gave, an error.
std::string detail_of(const probe::Result& result) {
    std::vector<std::string> parts;
    if (result.first.grpc) {
        parts.push_back(grpc_text(result));
    } else if (!result.statuses.empty()) {
        parts.push_back("HTTP " + counts_text(result.statuses));
    } else if (result.first.http) {
        parts.push_back("HTTP " + std::to_string(result.first.http->status));
    }
    if (result.first.tls) {
        parts.push_back(tls_text(*result.first.tls));
    }
    if (!result.first.peer_identity.empty()) {
        parts.push_back(result.first.peer_identity);
    }
    if (!result.first.client_identity.empty()) {
        parts.push_back("seen as " + result.first.client_identity);
    }
    if (!result.resolved.empty()) {
        parts.push_back("resolved to " + result.resolved);
    }
    if (result.first.outcome == probe::Outcome::Ok && !result.first.rcode.empty()) {
        parts.push_back(answers_text(result.first));
    }
    if (!result.first.error.empty()) {
        parts.push_back(result.first.error);
    }
    return netemu::join(parts, "; ");
}

std::vector<Cell> row_of(const probe::Request& request, const probe::Result& result) {
    auto outcomes = result.outcomes;
    if (outcomes.empty()) {
        outcomes[probe::to_string(result.first.outcome)] = 1;
    }
    const bool answered = outcomes.contains("ok");
    return {
        request.from,
        request.to.text,
        Cell(counts_text(outcomes), colour_of(outcomes)),
        answered ? netemu::format_duration_us(result.rtt_us) : "-",
        result.backends.empty() ? result.first.backend : counts_text(result.backends),
        result.first.client_ip,
        detail_of(result)};
}

} // namespace

std::string probe_table(
    const probe::RequestList& requests,
    const std::vector<probe::Result>& results,
    const ProbeTableOptions& options) {
    std::unordered_map<std::string, const probe::Result*> by_id;
    for (const auto& result : results) {
        by_id[result.id] = &result;
    }
    Table table(
        {{"FROM"},
         {"TO"},
         {"OUTCOME"},
         {"RTT", Align::Right},
         {"ANSWERED BY"},
         {"SEEN AS"},
         {"DETAIL"}});
    Counts totals;
    for (const auto& request : requests.probes) {
        const auto found = by_id.find(request.id);
        if (found == by_id.end()) {
            table.add({request.from, request.to.text, Cell("no result", Colour::Yellow), "-"});
            ++totals["no result"];
            continue;
        }
        table.add(row_of(request, *found->second));
        for (const auto& [outcome, count] : found->second->outcomes) {
            totals[outcome] += count;
        }
    }
    Table::Style style;
    style.colour = options.colour;
    style.headers = options.headers;
    auto text = table.render(style);
    if (requests.probes.size() > 1) {
        std::vector<std::string> parts;
        for (const auto& [outcome, count] : totals) {
            // What went well comes first.
            parts.insert(
                outcome == "ok" ? parts.begin() : parts.end(),
                std::to_string(count) + " " + outcome);
        }
        text += "\n" + std::to_string(requests.probes.size()) +
                " probes: " + netemu::join(parts, ", ") + "\n";
    }
    return text;
}

} // namespace labctl::report
