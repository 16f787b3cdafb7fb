#include "labctl/cli/lab_world.h"

#include <algorithm>

#include "labctl/cli/overview.h"
#include "netemu/base/address.h"

namespace labctl::cli {

check::World world_of(Client& client) {
    auto world = check::World::from_objects(lab_objects(client));
    const auto status = client.request("GET", "/apis/labctl.dev/v1/status");
    world.external_ips = status.at("externalAddresses").get<std::vector<std::string>>();
    for (auto& node : world.nodes) {
        node.device_ips = status.at("nodeAddresses").value(node.name, node.ips);
    }
    for (const auto& [name, ips] : status.at("devices").items()) {
        world.devices.push_back({name, ips.get<std::vector<std::string>>()});
    }
    world.has_dns = std::ranges::any_of(world.services, [](const check::ServiceView& service) {
        return service.ns == "kube-system" && service.name == "kube-dns";
    });
    return world;
}

std::vector<probe::Result> run_probes(Client& client, const probe::RequestList& requests) {
    return probe::results_from_text(
        client.exchange("POST", "/apis/labctl.dev/v1/probe", probe::to_json(requests).dump()));
}

namespace {

/// null of what explain cannot tell of, such as an echo request.
nlohmann::json explanation_of(Client& client, const std::string& from, const std::string& to) {
    const auto target = probe::Target::parse(to);
    if (target.port.empty()) {
        return nullptr;
    }
    const auto scheme = probe::to_string(target.scheme);
    const auto protocol = scheme == "udp" || scheme == "sctp" ? scheme : std::string("tcp");
    const bool v6 = target.host.find(':') != std::string::npos;
    try {
        return client.request(
            "POST",
            "/apis/labctl.dev/v1/explain",
            {{"from", from},
             {"to",
              (v6 ? "[" + target.host + "]" : target.host) + ":" + target.port + "/" + protocol}});
    } catch (const RemoteError&) { // the question goes on without it
        return nullptr;
    }
}

} // namespace

std::vector<std::string>
endpoints_of(Client& client, const std::string& from, const std::string& to) {
    const auto explanation = explanation_of(client, from, to);
    std::vector<std::string> endpoints;
    if (explanation.is_null()) {
        return endpoints;
    }
    for (const auto& branch : explanation.at("branches")) {
        auto result = branch.at("result").get<std::string>();
        const bool endpoint = netemu::Endpoint::parse(result).has_value(); // or "DROP"
        if (endpoint && std::ranges::find(endpoints, result) == endpoints.end()) {
            endpoints.push_back(std::move(result));
        }
    }
    return endpoints;
}

std::string why_allowed(Client& client, const std::string& from, const std::string& to) {
    const auto explanation = explanation_of(client, from, to);
    if (explanation.is_null()) {
        return {};
    }
    if (const auto warning = explanation.find("warning"); warning != explanation.end()) {
        return *warning; // nothing enforces policies
    }
    const nlohmann::json* denied = nullptr;
    for (const auto& branch : explanation.at("branches")) {
        const auto policy = branch.find("policy");
        if (policy != branch.end() && policy->at("allowed") == true) {
            const auto text = policy->at("text").get<std::string>();
            return text == "no policy" ? "no policy has a say in it"
                                       : "the policies allow it: " + text;
        }
        denied = policy == branch.end() ? denied : &*policy;
    }
    if (denied != nullptr) {
        return "the policies deny it: " + denied->at("text").get<std::string>() +
               "; so the rules of a node are not what they should be, see `labctl matrix --both`";
    }
    return {};
}

} // namespace labctl::cli
