#include "labctl/cli/overview.h"

#include <iostream>

#include "labctl/api/object.h"
#include "netemu/base/text.h"

namespace labctl::cli {

namespace {

std::vector<api::ObjectPtr> all_of(Client& client, std::initializer_list<const char*> paths) {
    std::vector<api::ObjectPtr> objects;
    for (const auto* path : paths) {
        const auto list = client.request("GET", path);
        for (const auto& item : list.at("items")) {
            objects.push_back(std::make_shared<api::Object>(api::Object{item, {}}));
        }
    }
    return objects;
}

} // namespace

std::vector<api::ObjectPtr> lab_objects(Client& client) {
    return all_of(
        client,
        {"/api/v1/nodes",
         "/api/v1/pods",
         "/api/v1/services",
         "/apis/apps/v1/deployments",
         "/apis/apps/v1/replicasets",
         "/apis/apps/v1/statefulsets",
         "/apis/apps/v1/daemonsets",
         "/apis/batch/v1/jobs",
         "/apis/labctl.dev/v1/checks"});
}

void print_overview(
    const Context& context,
    Client& client,
    const supervisor::LabPaths& paths,
    std::uint64_t elapsed_us) {
    if (context.options().quiet) {
        return;
    }
    const auto overview = client.request(
        "GET",
        std::string("/apis/labctl.dev/v1/overview?color=") +
            (context.console().color() ? "1" : "0"));
    std::cout << overview.at("text").get<std::string>() << std::flush;
    context.console().step("lab '" + paths.name + "' is up", elapsed_us);
    context.console().progress("next: " + overview.at("next").get<std::string>());
}

} // namespace labctl::cli
