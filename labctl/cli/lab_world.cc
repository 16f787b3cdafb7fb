#include "labctl/cli/lab_world.h"

#include <algorithm>

#include "labctl/cli/overview.h"

namespace labctl::cli {

check::World world_of(Client& client) {
    auto world = check::World::from_objects(lab_objects(client));
    const auto status = client.request("GET", "/apis/labctl.dev/v1/status");
    world.external_ips = status.at("externalAddresses").get<std::vector<std::string>>();
    for (const auto& [name, ips] : status.at("devices").items()) {
        world.devices.push_back({name, ips.get<std::vector<std::string>>()});
    }
    world.has_dns = std::ranges::any_of(world.services, [](const check::ServiceView& service) {
        return service.ns == "kube-system" && service.name == "kube-dns";
    });
    return world;
}

std::vector<probe::Result> run_probes(Client& client, const probe::RequestList& requests) {
    const auto answer =
        client.request("POST", "/apis/labctl.dev/v1/probe", probe::to_json(requests));
    std::vector<probe::Result> results;
    for (const auto& entry : answer.at("results")) {
        results.push_back(probe::result_from_json(entry));
    }
    return results;
}

} // namespace labctl::cli
