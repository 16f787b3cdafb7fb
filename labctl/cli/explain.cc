#include <iostream>
#include <optional>

#include <netinet/in.h>

#include "labctl/cli/explain_cni.h"
#include "labctl/cli/journey.h"
#include "labctl/cli/objects.h"
#include "labctl/cli/taps.h"
#include "labctl/cli/verdicts.h"
#include "labctl/probe/probe.h"
#include "labctl/report/dns_text.h"
#include "labctl/report/explain_text.h"
#include "labctl/report/gateway_text.h"
#include "labctl/report/ingress_text.h"
#include "labctl/report/mesh_text.h"

namespace labctl::cli {

namespace {

constexpr const char* kExplainPath = "/apis/labctl.dev/v1/explain";

/// Whether the answer shall be JSON; throws for a form that these commands do not have.
bool wants_json(const Context& context) {
    const auto& output = context.options().output;
    if (output != "json" && output != "table") {
        throw netemu::UsageError("no output format '" + output + "'", "table or json");
    }
    return output == "json";
}

std::uint8_t protocol_number_of(const std::string& name) {
    return name == "TCP" ? IPPROTO_TCP : name == "UDP" ? IPPROTO_UDP : IPPROTO_SCTP;
}

/// Explains, sends a packet, and watches it at every interface of its way.
nlohmann::json explain_with_packet(const Context& context, nlohmann::json question) {
    auto client = context.client();
    question["places"] = true;
    const auto planned = client.request("POST", kExplainPath, question);
    question["wire"] = true;
    auto listener = context.client(); // its answer carries sockets
    std::optional<LabTaps> taps;
    try {
        taps = open_lab_taps(
            listener,
            {{"targets", planned.at("places")}, {"namespace", context.ns()}, {"names", true}});
    } catch (const netemu::Error& error) {
        context.console().warn(
            std::string("the packet is not watched on its way: ") + error.what());
    }
    auto answer = client.request("POST", kExplainPath, question);
    const auto to = netemu::Endpoint::parse(answer.at("to").at("address").get<std::string>());
    if (!taps || !to) {
        return answer; // without a port it was an echo request: what came of it is in the answer
    }
    JourneyQuestion asked;
    asked.protocol = protocol_number_of(answer.at("to").at("protocol"));
    asked.to = *to;
    if (!answer.at("from").at("name").get<std::string>().starts_with("node/")) {
        asked.from = netemu::IpAddress::parse(answer.at("from").at("address").get<std::string>());
    }
    const auto packets = taps->set.finish();
    answer["journey"] = find_journey(packets, taps->set.places(), asked, taps->names);
    return answer;
}

} // namespace

/// The same call as a request of HTTP, which is what rules see of it.
void ask_of_grpc(nlohmann::json& question) {
    const auto target = probe::Target::parse(question.at("to").get<std::string>());
    const bool bare =
        target.host.find(':') != std::string::npos && !target.host.starts_with("pod:");
    const auto host = bare ? "[" + target.host + "]" : target.host;
    question["to"] = "http://" + host + ":" + target.port + target.path;
    question["method"] = "POST";
    question["headers"]["content-type"] = "application/grpc";
}

/// 0 when the path ends at an endpoint, or the name is found; 1 when not.
int run_explain(const Context& context) {
    const auto& options = context.options();
    if (!options.cni.empty()) {
        return run_explain_cni(context);
    }
    if (options.arguments.size() != 2) {
        throw netemu::UsageError("explain takes FROM and TO", "labctl explain --help");
    }
    const bool as_json = wants_json(context);
    const auto& to = options.arguments.at(1);
    const bool dns = to.starts_with("dns://");
    const bool grpc = to.starts_with("grpc://");
    const bool url = grpc || to.starts_with("http://") || to.starts_with("https://");
    if (!url && (!options.method.empty() || !options.headers.empty())) {
        throw netemu::UsageError(
            "--method and --header are of a request for a URL", "labctl explain FROM http://...");
    }
    nlohmann::json question{
        {"from", options.arguments.at(0)}, {"to", to}, {"namespace", context.ns()}};
    if (!options.method.empty()) {
        question["method"] = options.method;
    }
    for (const auto& [name, value] : header_fields(options)) {
        question["headers"][name] = value;
    }
    if (grpc) {
        ask_of_grpc(question);
    }
    const auto answer = options.wire && !dns && !url
                            ? explain_with_packet(context, question)
                            : context.client().request("POST", kExplainPath, question);
    if (as_json) {
        std::cout << answer.dump(2) << "\n";
    } else if (dns) {
        std::cout << report::dns_explain_text(answer, context.console().color());
    } else if (url && answer.contains("mesh")) {
        std::cout << report::mesh_explain_text(answer, context.console().color());
    } else if (url && answer.contains("gateway")) {
        std::cout << report::gateway_explain_text(answer, context.console().color());
    } else if (url && !answer.contains("hops")) {
        std::cout << report::ingress_explain_text(answer, context.console().color());
    } else {
        std::cout << report::explain_text(answer, {context.console().color()});
    }
    const auto outcome = answer.at("outcome").get<std::string>();
    const bool reached = outcome == (dns ? "found" : "endpoint") || outcome == "redirect";
    return static_cast<int>(reached ? netemu::ExitCode::Ok : netemu::ExitCode::CheckFailed);
}

int run_get_affinity(const Context& context) {
    const bool as_json = wants_json(context);
    const bool all = context.options().all_namespaces;
    auto client = context.client();
    const auto list = client.request(
        "GET",
        "/apis/labctl.dev/v1/affinity?namespace=" +
            (all ? std::string() : url_encode(context.ns())));
    if (as_json) {
        std::cout << list.dump(2) << "\n";
    } else if (list.at("items").empty()) {
        context.console().progress("no Service remembers a client; see sessionAffinity: ClientIP");
    } else {
        std::cout << report::affinity_table(list, all);
    }
    return 0;
}

} // namespace labctl::cli
