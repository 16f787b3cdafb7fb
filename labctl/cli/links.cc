#include <algorithm>
#include <iostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "labctl/cli/objects.h"
#include "labctl/report/table.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::cli {

using nlohmann::json;

namespace {

std::string end_name(const json& end) {
    return end.at("place").get<std::string>() + ":" + end.at("interface").get<std::string>() +
           (end.at("up").get<bool>() ? "" : " (down)");
}

/// What is done to the packets that leave by that end.
std::string impairment_of(const json& end) {
    const auto text = end.at("impairment").get<std::string>();
    return text.empty() ? "-" : text;
}

/// What has become of the packets that left by that end; the kernel counts those of its own links.
std::string fate_of(const json& end) {
    if (!end.contains("counters")) {
        return "-";
    }
    const auto& counters = end.at("counters");
    auto text = counters.at("delivered").dump() + " delivered";
    for (const auto& [field, word] :
         {std::pair{"lost", "lost"},
          {"duplicated", "duplicated"},
          {"reordered", "reordered"},
          {"corrupted", "corrupted"},
          {"queueDrops", "dropped by the queue"},
          {"undelivered", "undelivered"}}) {
        if (counters.at(field) != 0) {
            text += ", " + counters.at(field).dump() + " " + word;
        }
    }
    return text;
}

/// "10" of an access port, "trunk 10,20", "30, trunk 10,20".
std::string vlans_of(const json& link) {
    std::string text = link.contains("vlan") ? link.at("vlan").dump() : "";
    if (link.contains("trunk")) {
        std::vector<std::string> tags;
        for (const auto& tag : link.at("trunk")) {
            tags.push_back(tag.dump());
        }
        text += (text.empty() ? "trunk " : ", trunk ") + netemu::join(tags, ",");
    }
    return text.empty() ? "-" : text;
}

/// The devices of a topology, each once: what commands take as a target.
void print_devices(const json& list) {
    std::set<std::string> names;
    for (const auto& link : list.at("items")) {
        for (const auto* end : {"a", "b"}) {
            const auto place = link.at(end).at("place").get<std::string>();
            if (place.find('/') != std::string::npos && !place.starts_with("node/")) {
                names.insert(place);
            }
        }
    }
    for (const auto& name : names) {
        std::cout << name << "\n";
    }
}

} // namespace

int run_get_links(const Context& context) {
    auto client = context.client();
    const auto list = client.request("GET", "/apis/labctl.dev/v1/links");
    const auto& output = context.options().output;
    if (output == "json") {
        std::cout << list.dump(2) << "\n";
        return 0;
    }
    if (output == "name") {
        print_devices(list);
        return 0;
    }
    if (output != "table" && output != "wide") {
        throw netemu::UsageError("no output format '" + output + "'", "table, json or name");
    }
    const bool wide = output == "wide";
    const auto& items = list.at("items");
    const bool vlans = std::any_of(
        items.begin(), items.end(), [](const json& link) { return vlans_of(link) != "-"; });
    std::vector<std::string> columns{"A", "B", "MTU", "A TO B", "B TO A"};
    if (vlans) {
        columns.insert(columns.begin() + 3, "VLAN");
    }
    if (wide) {
        columns.insert(columns.end(), {"EMULATION", "FROM A", "FROM B"});
    }
    auto table = report::Table::of(columns);
    for (const auto& link : items) {
        std::vector<report::Cell> row{
            end_name(link.at("a")),
            end_name(link.at("b")),
            link.at("mtu").dump(),
            impairment_of(link.at("a")),
            impairment_of(link.at("b"))};
        if (vlans) {
            row.insert(row.begin() + 3, report::Cell(vlans_of(link)));
        }
        if (wide) {
            row.insert(
                row.end(),
                {link.at("emulation").get<std::string>(),
                 fate_of(link.at("a")),
                 fate_of(link.at("b"))});
        }
        table.add(std::move(row));
    }
    std::cout << table.render();
    return 0;
}

} // namespace labctl::cli
