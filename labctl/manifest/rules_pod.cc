#include "labctl/manifest/rules_pod.h"

#include <array>
#include <set>
#include <string>

#include "labctl/api/quantity.h"
#include "labctl/manifest/compose.h"
#include "labctl/manifest/names.h"
#include "labctl/manifest/rules.h"

namespace labctl::manifest {

namespace {

using api::Json;

constexpr std::array<std::string_view, 3> kContainerLists{
    "initContainers", "containers", "ephemeralContainers"};

template <class Visit>
void each_container(const Cursor& spec, Visit visit) {
    for (const auto list : kContainerLists) {
        spec[list].each(visit);
    }
}

template <class Visit>
void each_container(Json& spec, Visit visit) {
    for (const auto list : kContainerLists) {
        const auto found = spec.find(list);
        if (found == spec.end() || !found->is_array()) {
            continue;
        }
        for (auto& container : *found) {
            if (container.is_object()) {
                visit(container);
            }
        }
    }
}

void check_container_names(const Cursor& spec) {
    std::set<std::string_view> names;
    each_container(spec, [&](const Cursor& container) {
        const auto name = container["name"];
        if (!name.text().empty() && !names.insert(name.text()).second) {
            name.duplicate();
        }
    });
}

void check_init_containers(const Cursor& spec) {
    spec["initContainers"].each([](const Cursor& container) {
        if (container["restartPolicy"].is("Always")) {
            return; // a sidecar may have them
        }
        for (const std::string_view field :
             {"lifecycle", "livenessProbe", "readinessProbe", "startupProbe"}) {
            if (container[field].present()) {
                container[field].forbidden(
                    "may not be set for init containers without restartPolicy=Always");
            }
        }
    });
}

/// Host ports belong to the node, so two containers of a pod cannot have the same one.
void check_host_ports(const Cursor& spec) {
    const bool host_network = spec["hostNetwork"].flag();
    std::set<std::string> taken;
    spec["containers"].each([&](const Cursor& container) {
        container["ports"].each([&](const Cursor& port) {
            const auto host = port["hostPort"];
            if (host.number() == 0) {
                return;
            }
            if (host_network && host.number() != port["containerPort"].number()) {
                host.invalid("must match `containerPort` when `hostNetwork` is true");
            }
            const auto key = compose(
                {port["protocol"].text(),
                 "/",
                 port["hostIP"].text(),
                 "/",
                 std::to_string(host.number())});
            if (!taken.insert(key).second) {
                host.error(compose({"Duplicate value: \"", key, "\""}));
            }
        });
    });
}

void default_host_ports(Json& container) {
    const auto ports = container.find("ports");
    if (ports == container.end() || !ports->is_array()) {
        return;
    }
    for (auto& port : *ports) {
        if (port.is_object() && port.contains("containerPort") &&
            api::int_at(port, "hostPort", 0) == 0) {
            port["hostPort"] = port["containerPort"];
        }
    }
}

void default_requests(Json& container) {
    const auto limits = api::at(container, "resources.limits"); // a copy: requests go next to it
    if (!limits.is_object()) {
        return;
    }
    auto& requests = container["resources"]["requests"];
    if (!requests.is_object() && !requests.is_null()) {
        return;
    }
    for (const auto& [name, value] : limits.items()) {
        long double amount = 0; // what is no quantity is reported once, at the limit
        const bool valid =
            value.is_number() ||
            (value.is_string() && api::parse_quantity(value.get_ref<const std::string&>(), amount));
        if (valid && (!requests.is_object() || !requests.contains(name))) {
            requests[name] = value;
        }
    }
    if (requests.is_null()) {
        container["resources"].erase("requests");
    }
}

bool is_volume_source(std::string_view field) {
    return field != "name";
}

void default_service_account(Json& spec) {
    const auto name = api::string_at(spec, "serviceAccountName");
    const auto old_name =
        api::string_at(spec, "serviceAccount"); // the same field under its first name
    if (name.empty() && !old_name.empty()) {
        spec["serviceAccountName"] = old_name;
    }
}

} // namespace

void default_volume(Json& volume) {
    if (volume.size() == 1 && volume.contains("name")) {
        volume["emptyDir"] = Json::object();
    }
}

void check_volume(const Cursor& volume) {
    std::size_t sources = 0;
    volume.each_key([&](std::string_view field, const Cursor&) {
        const auto source = volume[field];
        if (is_volume_source(field) && source.json().is_object() && ++sources > 1) {
            source.forbidden("may not specify more than 1 volume type");
        }
    });
}

void check_toleration(const Cursor& toleration) {
    const auto op = toleration["operator"];
    if (toleration["key"].text().empty() && !op.is("Exists")) {
        op.invalid("operator must be Exists when `key` is empty, which means \"match all values "
                   "and all keys\"");
    }
    if (op.is("Exists") && !toleration["value"].text().empty()) {
        op.invalid("value must be empty when `operator` is 'Exists'");
    }
    const auto effect = toleration["effect"];
    if (toleration["tolerationSeconds"].present() && !effect.is("NoExecute")) {
        effect.invalid("effect must be 'NoExecute' when `tolerationSeconds` is set");
    }
}

void check_node_requirement(const Cursor& requirement) {
    const auto op = requirement["operator"];
    const auto values = requirement["values"];
    if ((op.is("In") || op.is("NotIn")) && values.size() == 0) {
        values.required("must be specified when `operator` is 'In' or 'NotIn'");
    }
    if ((op.is("Exists") || op.is("DoesNotExist")) && values.size() > 0) {
        values.forbidden("may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    }
    if ((op.is("Gt") || op.is("Lt")) && values.size() != 1) {
        values.required("must be specified single value when `operator` is 'Lt' or 'Gt'");
    }
}

void check_dns_config(const Cursor& config) {
    constexpr std::size_t kNameserversMax = 3;
    constexpr std::size_t kSearchesMax = 32;
    if (config["nameservers"].size() > kNameserversMax) {
        config["nameservers"].invalid("must not have more than 3 nameservers");
    }
    if (config["searches"].size() > kSearchesMax) {
        config["searches"].invalid("must not have more than 32 search paths");
    }
}

void default_pod_spec(Json& spec) {
    if (api::bool_at(spec, "hostNetwork", false)) {
        each_container(spec, default_host_ports);
    }
    default_service_account(spec);
}

void default_pod(Json& pod) {
    const auto found = pod.find("spec");
    if (found == pod.end() || !found->is_object()) {
        return;
    }
    auto& spec = *found;
    each_container(spec, default_requests);
    if (!spec.contains("enableServiceLinks")) {
        spec["enableServiceLinks"] = true;
    }
    default_service_account(spec);
    if (!spec.contains("serviceAccountName")) {
        spec["serviceAccountName"] = "default";
    }
}

void check_pod_spec(const Cursor& spec) {
    check_container_names(spec);
    check_init_containers(spec);
    check_host_ports(spec);
    if (spec["dnsPolicy"].is("None") && spec["dnsConfig"]["nameservers"].size() == 0) {
        spec["dnsConfig"]["nameservers"].required(
            "must provide at least one DNS nameserver when `dnsPolicy` is None");
    }
}

void check_pod(const Cursor& pod) {
    check_volume_mounts(pod["spec"], pod["volumeClaimTemplates"]); // which a pod does not have
}

void check_volume_mounts(const Cursor& pod_spec, const Cursor& claim_templates) {
    std::set<std::string_view> volumes;
    pod_spec["volumes"].each([&](const Cursor& volume) { volumes.insert(volume["name"].text()); });
    claim_templates.each(
        [&](const Cursor& claim) { volumes.insert(claim["metadata"]["name"].text()); });
    each_container(pod_spec, [&](const Cursor& container) {
        container["volumeMounts"].each([&](const Cursor& mount) {
            const auto name = mount["name"];
            if (!name.text().empty() && !volumes.contains(name.text())) {
                const std::vector<std::string_view> known(volumes.begin(), volumes.end());
                name.not_found(did_you_mean(name.text(), known));
            }
        });
    });
}

} // namespace labctl::manifest
