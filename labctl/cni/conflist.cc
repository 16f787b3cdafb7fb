#include "labctl/cni/conflist.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "labctl/cni/version.h"
#include "netemu/base/text.h"

namespace labctl::cni {

using api::at;
using api::Json;
using api::string_at;
using netemu::IpPrefix;

namespace {

constexpr std::string_view kUsePodCidr = "usePodCidr";
constexpr std::string_view kUsePodCidrV6 = "usePodCidrIPv6";
constexpr std::size_t kPluginsMax = 16;

bool is_network_name(const std::string& text) {
    const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
    return !text.empty() && is_word(text.front()) &&
           std::all_of(text.begin(), text.end(), [&](char c) {
               return is_word(c) || c == '_' || c == '.' || c == '-';
           });
}

class Checker {
public:
    explicit Checker(std::size_t nodes) : nodes_(nodes) {}

    std::vector<ConflistProblem> run(const Json& json) {
        if (!json.is_object()) {
            add("", "a network configuration list is an object");
            return problems_;
        }
        check_version(json);
        if (const auto name = string_at(json, "name"); !is_network_name(name)) {
            add("name",
                "name: '" + name + "' cannot be the name of a network",
                "it begins with a letter or digit; then letters, digits, '_', '.' and '-'");
        }
        if (const auto& off = at(json, "disableCheck"); !off.is_null() && !off.is_boolean()) {
            add("disableCheck", "disableCheck: expected true or false, found " + off.dump());
        }
        if (json.contains("type") && !json.contains("plugins")) {
            check_plugin("", json); // a single configuration
        } else {
            check_plugins(at(json, "plugins"));
        }
        return problems_;
    }

private:
    void add(std::string path, std::string message, std::string hint = {}) {
        problems_.push_back({std::move(path), std::move(message), std::move(hint)});
    }

    void check_version(const Json& json) {
        const auto version = string_at(json, "cniVersion", kVersionUnnamed);
        if (!is_supported(version)) {
            add("cniVersion",
                "cniVersion: '" + version + "' is not supported",
                "supported are " + netemu::join(supported_versions(), ", "));
        }
    }

    void check_plugins(const Json& plugins) {
        if (!plugins.is_array() || plugins.empty() || plugins.size() > kPluginsMax) {
            add("plugins",
                "plugins: expected a list of 1 to " + std::to_string(kPluginsMax) + " plugins");
            return;
        }
        for (std::size_t i = 0; i < plugins.size(); ++i) {
            check_plugin("plugins[" + std::to_string(i) + "]", plugins[i]);
        }
    }

    void check_plugin(const std::string& path, const Json& plugin) {
        const auto inside = [&](const std::string& field) {
            return path.empty() ? field : path + "." + field;
        };
        if (!plugin.is_object()) {
            add(path, path + ": expected an object with a type, found " + plugin.dump());
            return;
        }
        const auto type = string_at(plugin, "type");
        if (type.empty() || type.find('/') != std::string::npos) {
            add(inside("type"),
                inside("type") + ": '" + type + "' is not the name of a plugin",
                "it is the name of a program, such as bridge, ptp, portmap or bandwidth");
        }
        if (const auto& given = at(plugin, "capabilities"); !given.is_null()) {
            const bool flags =
                given.is_object() && std::all_of(given.begin(), given.end(), [](const Json& each) {
                    return each.is_boolean();
                });
            if (!flags) {
                add(inside("capabilities"),
                    inside("capabilities") + ": expected {\"portMappings\": true, ...}, found " +
                        given.dump());
            }
        }
        if (const auto& ipam = at(plugin, "ipam"); ipam.is_object() && !ipam.empty()) {
            check_ipam(inside("ipam"), ipam);
        } else if (!ipam.is_null() && !ipam.is_object()) {
            add(inside("ipam"), inside("ipam") + ": expected an object, found " + ipam.dump());
        }
    }

    void check_ipam(const std::string& path, const Json& ipam) {
        if (string_at(ipam, "type").empty()) {
            add(path + ".type",
                path + ".type: which plugin gives addresses?",
                "host-local, static or dhcp");
        }
        if (string_at(ipam, "type") != "host-local") {
            return;
        }
        if (ipam.contains("subnet")) {
            check_subnet(path + ".subnet", ipam["subnet"]);
        }
        const auto& sets = at(ipam, "ranges");
        for (std::size_t i = 0; sets.is_array() && i < sets.size(); ++i) {
            for (std::size_t k = 0; sets[i].is_array() && k < sets[i].size(); ++k) {
                check_subnet(
                    path + ".ranges[" + std::to_string(i) + "][" + std::to_string(k) + "].subnet",
                    at(sets[i][k], "subnet"));
            }
        }
    }

    void check_subnet(const std::string& path, const Json& json) {
        const auto text = json.is_string() ? json.get<std::string>() : json.dump();
        if (text == kUsePodCidr || text == kUsePodCidrV6) {
            return;
        }
        const auto range = IpPrefix::parse(text);
        if (!range) {
            add(path,
                path + ": '" + text + "' is no range of addresses",
                "usePodCidr, or 10.244.1.0/24");
        } else if (nodes_ > 1) {
            add(path,
                path + ": every node would give out the same addresses of " + text,
                "say \"subnet\": \"usePodCidr\", which is each node's own range");
        }
    }

    std::size_t nodes_;
    std::vector<ConflistProblem> problems_;
};

/// "usePodCidr" -> the node's range of that family; anything else stays.
void substitute(Json& subnet, const std::vector<IpPrefix>& ranges) {
    if (subnet != kUsePodCidr && subnet != kUsePodCidrV6) {
        return;
    }
    const bool v6 = subnet == kUsePodCidrV6;
    const auto found = std::find_if(ranges.begin(), ranges.end(), [&](const IpPrefix& each) {
        return each.address.is_v4() != v6;
    });
    if (found != ranges.end()) {
        subnet = found->to_string();
    }
}

/// The same in a list of lists of ranges.
void substitute_sets(Json& sets, const std::vector<IpPrefix>& ranges) {
    for (auto& set : sets) {
        for (auto& range : set) {
            if (range.is_object() && range.contains("subnet")) {
                substitute(range["subnet"], ranges);
            }
        }
    }
}

void complete_ipam(Json& ipam, const PluginPlace& place) {
    if (ipam.contains("subnet")) {
        substitute(ipam["subnet"], place.ranges);
    } else if (!ipam.contains("ranges")) {
        ipam["ranges"] = Json::array();
        for (const auto& range : place.ranges) {
            ipam["ranges"].push_back(Json::array({{{"subnet", range.to_string()}}}));
        }
    }
    if (ipam.contains("ranges") && ipam["ranges"].is_array()) {
        substitute_sets(ipam["ranges"], place.ranges);
    }
    ipam["dataDir"] = place.data_dir;
}

} // namespace

std::vector<ConflistProblem> check_conflist(const Json& json, std::size_t nodes) {
    return Checker(nodes).run(json);
}

Conflist read_conflist(const Json& json) {
    Conflist list;
    list.name = string_at(json, "name");
    list.version = string_at(json, "cniVersion", kVersionUnnamed);
    if (json.contains("plugins")) {
        list.plugins = json["plugins"].get<std::vector<Json>>();
    } else {
        list.plugins = {json};
    }
    return list;
}

bool has_host_local(const Json& plugin) {
    return string_at(plugin, "ipam.type") == "host-local";
}

Json plugin_input(
    const Conflist& list, std::size_t position, const PluginPlace& place, const Json& previous) {
    auto input = list.plugins.at(position);
    input["cniVersion"] = list.version;
    input["name"] = list.name;
    Json runtime = Json::object();
    for (const auto& [capability, declared] : at(input, "capabilities").items()) {
        const auto found = place.capability_arguments.find(capability);
        if (declared == true && found != place.capability_arguments.end()) {
            runtime[capability] = *found;
        }
    }
    if (!runtime.empty()) {
        input["runtimeConfig"] = std::move(runtime);
    }
    if (has_host_local(input)) {
        complete_ipam(input["ipam"], place);
    }
    if (!previous.is_null()) {
        input["prevResult"] = previous;
    }
    return input;
}

} // namespace labctl::cni
