#include <array>
#include <set>

#include "labctl/api/quantity.h"
#include "labctl/manifest/compose.h"
#include "labctl/manifest/cursor.h"
#include "labctl/manifest/names.h"
#include "labctl/manifest/rules.h"

namespace labctl::manifest {

namespace {

using api::Json;

/// Whether the image is the newest of its name: no tag, no digest, or the tag "latest".
bool is_latest(std::string_view image) {
    if (image.find('@') != image.npos) {
        return false;
    }
    const auto name = image.substr(image.rfind('/') + 1); // npos + 1 is 0
    const auto colon = name.find(':');
    return colon == name.npos || name.substr(colon + 1) == "latest";
}

void default_number(Json& object, const char* name, std::int64_t value) {
    const auto found = object.find(name);
    if (found == object.end() || *found == 0) { // 0 means not set in these fields
        object[name] = value;
    }
}

void check_at_most_one(
    const Cursor& object, std::span<const std::string_view> names, std::string_view what) {
    std::size_t count = 0;
    for (const auto name : names) {
        count += object[name].present() ? 1 : 0;
        if (count > 1 && object[name].present()) {
            object[name].forbidden(compose({"may not specify more than 1 ", what}));
        }
    }
    if (count == 0) {
        object.required(compose({"must specify a ", what}));
    }
}

void check_mounts_unique(const Cursor& container) {
    std::set<std::string_view> paths;
    container["volumeMounts"].each([&](const Cursor& mount) {
        const auto path = mount["mountPath"];
        if (!path.text().empty() && !paths.insert(path.text()).second) {
            path.invalid("must be unique");
        }
    });
}

void check_one_success(const Cursor& probe) {
    const auto threshold = probe["successThreshold"];
    if (threshold.number(1) != 1) {
        threshold.invalid("must be 1");
    }
}

} // namespace

void default_container(Json& container) {
    const auto policy = api::string_at(container, "imagePullPolicy");
    if (policy.empty() &&
        (!container.contains("imagePullPolicy") || container["imagePullPolicy"].is_string())) {
        const auto image = api::string_at(container, "image");
        container["imagePullPolicy"] = is_latest(image) ? "Always" : "IfNotPresent";
    }
    if (!container.contains("resources")) {
        container["resources"] = Json::object();
    }
}

void check_container(const Cursor& container) {
    check_mounts_unique(container);
    check_one_success(container["livenessProbe"]);
    check_one_success(container["startupProbe"]);
    const auto image = container["image"].text();
    if (!image.empty() && (image.front() == ' ' || image.back() == ' ')) {
        container["image"].invalid("must not have leading or trailing whitespace");
    }
}

void check_container_port(const Cursor& port) {
    const auto host = port["hostPort"];
    if (host.number() < 0 || host.number() > kPortMax) {
        host.invalid("must be between 1 and 65535, inclusive");
    }
}

void check_env_var(const Cursor& variable) {
    const auto from = variable["valueFrom"];
    if (!from.json().is_object()) {
        return;
    }
    if (!variable["value"].text().empty()) {
        from.invalid("may not be specified when `value` is not empty");
    }
    if (from.size() == 0) {
        from.invalid("must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or "
                     "`secretKeyRef`");
    } else if (from.size() > 1) {
        from.invalid("may not have more than one field specified at a time");
    }
}

void check_port_reference(const Cursor& action) {
    const auto port = action["port"];
    if (port.is_number() && (port.number() < 1 || port.number() > kPortMax)) {
        port.invalid("must be between 1 and 65535, inclusive");
    } else if (port.is_text()) {
        port.check(
            port.text().empty() ? "must be a port number or the name of a port"
                                : port_name(port.text()));
    }
}

void check_resources(const Cursor& resources) {
    const auto limits = resources["limits"];
    resources["requests"].each_key([&](std::string_view name, const Cursor& request) {
        const auto limit = limits.key(name);
        long double asked = 0;
        long double most = 0;
        if (api::parse_quantity(request.text(), asked) && api::parse_quantity(limit.text(), most) &&
            asked > most) {
            request.invalid(
                compose({"must be less than or equal to ", name, " limit of ", limit.text()}));
        }
    });
    for (const std::string_view part : {"limits", "requests"}) {
        resources[part].each_key([&](std::string_view, const Cursor& value) {
            long double amount = 0;
            if (api::parse_quantity(value.text(), amount) && amount < 0) {
                value.invalid("must be greater than or equal to 0");
            }
        });
    }
}

void default_probe(Json& probe) {
    default_number(probe, "timeoutSeconds", 1);
    default_number(probe, "periodSeconds", 10);
    default_number(probe, "successThreshold", 1);
    default_number(probe, "failureThreshold", 3);
}

void default_grpc(
    Json& action) { // the server as a whole (pkg/apis/core/v1/zz_generated.defaults.go)
    if (!action.contains("service")) {
        action["service"] = "";
    }
}

void check_probe(const Cursor& probe) {
    constexpr std::array<std::string_view, 4> kHandlers{"exec", "httpGet", "tcpSocket", "grpc"};
    check_at_most_one(probe, kHandlers, "handler type");
    const auto exec = probe["exec"];
    if (exec.json().is_object() && exec["command"].size() == 0) {
        exec["command"].required();
    }
}

void check_lifecycle_handler(const Cursor& handler) {
    constexpr std::array<std::string_view, 4> kHandlers{"exec", "httpGet", "tcpSocket", "sleep"};
    check_at_most_one(handler, kHandlers, "handler type");
}

} // namespace labctl::manifest
