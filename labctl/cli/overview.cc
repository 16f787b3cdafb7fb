#include "labctl/cli/overview.h"

#include <iostream>

#include "labctl/api/object.h"
#include "labctl/report/overview.h"
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

/// Something that works in this lab and shows what it is for.
std::string suggestion(const std::vector<api::ObjectPtr>& objects, const std::string& lab) {
    std::string from;
    for (const auto& object : objects) {
        if (object->kind() == "Check") {
            return "labctl check --lab " + lab;
        }
        if (object->kind() != "Pod") {
            continue;
        }
        const auto pod = object->ns() + "/" + object->name();
        if (!from.empty()) {
            return "labctl probe " + from + " icmp://pod:" + pod + " --lab " + lab;
        }
        from = pod;
    }
    return "labctl get all -A --lab " + lab;
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
    const auto objects = lab_objects(client);
    const auto status = client.request("GET", "/apis/labctl.dev/v1/status");
    report::OverviewInput input;
    input.objects = objects;
    input.external_ip = status.at("externalAddresses").at(0);
    input.colour = context.console().color();
    std::cout << report::overview(input) << std::flush;
    context.console().step("lab '" + paths.name + "' is up", elapsed_us);
    context.console().progress("next: " + suggestion(objects, paths.name));
}

} // namespace labctl::cli
