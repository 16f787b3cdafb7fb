#include <set>

#include "labctl/manifest/compose.h"
#include "labctl/manifest/cursor.h"
#include "labctl/manifest/names.h"
#include "labctl/manifest/rules.h"
#include "netemu/base/address.h"
#include "netemu/base/base64.h"

namespace labctl::manifest {

namespace {

using api::Json;
using netemu::IpPrefix;

constexpr std::size_t kConfigMapBytesMax = 1U << 20U;

void check_taints(const Cursor& taints) {
    std::set<std::pair<std::string_view, std::string_view>> seen;
    taints.each([&](const Cursor& taint) {
        const auto key = taint["key"].text();
        if (!key.empty() && !seen.emplace(key, taint["effect"].text()).second) {
            taint.error(compose({"Duplicate value: ", quoted(taint.json())}));
        }
    });
}

} // namespace

void default_namespace(Json& name_space) {
    const auto name = api::string_at(name_space, "metadata.name");
    if (!dns_label(name).empty()) {
        return;
    }
    auto& labels = name_space["metadata"]["labels"];
    if (labels.is_null() || labels.is_object()) {
        labels["kubernetes.io/metadata.name"] = name; // the API server insists on this value
    }
}

void default_node_spec(Json& spec) {
    const auto& one = api::at(spec, "podCIDR");
    const auto& all = api::at(spec, "podCIDRs");
    if (one.is_string() && all.is_null()) {
        spec["podCIDRs"] = Json::array({one});
    } else if (one.is_null() && all.is_array() && !all.empty()) {
        spec["podCIDR"] = Json(all.front());
    }
}

void check_node_spec(const Cursor& spec) {
    const auto all = spec["podCIDRs"];
    if (all.size() > 0 && all[0].is_text() && !all[0].is(spec["podCIDR"].text())) {
        all[0].invalid("must match `podCIDR`");
    }
    const auto a = IpPrefix::parse(all[0].text());
    const auto b = IpPrefix::parse(all[1].text());
    if (all.size() > 2 || (a && b && a->address.family() == b->address.family())) {
        all.invalid("may specify no more than one CIDR for each IP family");
    }
    check_taints(spec["taints"]);
}

void check_config_map(const Cursor& config_map) {
    std::size_t bytes = 0;
    const auto data = config_map["data"];
    const auto binary = config_map["binaryData"];
    for (const auto& map : {data, binary}) {
        map.each_key([&](std::string_view key, const Cursor& value) {
            bytes += value.text().size();
            if (const auto why = config_key(key); !why.empty()) {
                value.error_at_key(
                    compose({"Invalid value: ", quoted(Json(std::string(key))), ": ", why}));
            }
        });
    }
    binary.each_key([&](std::string_view key, const Cursor& value) {
        if (data[key].present()) {
            value.error_at_key(
                compose({"Invalid value: \"", key, "\": duplicate of key present in data"}));
        }
    });
    if (bytes > kConfigMapBytesMax) {
        config_map["data"].error("Too long: may not be more than 1048576 bytes");
    }
}

void default_secret(Json& secret) {
    const auto strings = api::at(secret, "stringData");
    auto& data = secret["data"];
    if (!strings.is_object() || !(data.is_null() || data.is_object())) {
        if (data.is_null()) {
            secret.erase("data");
        }
        return;
    }
    for (const auto& [key, value] : strings.items()) {
        if (!value.is_string()) {
            return; // the schema says so
        }
    }
    for (const auto& [key, value] : strings.items()) {
        data[key] = netemu::encode_base64(value.get<std::string>());
    }
    secret.erase("stringData");
}

void check_secret(const Cursor& secret) {
    std::size_t bytes = 0;
    const auto data = secret["data"];
    data.each_key([&](std::string_view key, const Cursor& value) {
        if (const auto why = config_key(key); !why.empty()) {
            value.error_at_key(
                compose({"Invalid value: ", quoted(Json(std::string(key))), ": ", why}));
        }
        const auto decoded = netemu::decode_base64(value.text());
        if (!decoded) {
            value.error(
                "illegal base64 data",
                "write it as it is under `stringData`, or encode it: base64 -w0 FILE");
        }
        bytes += decoded ? decoded->size() : 0;
    });
    if (bytes > kConfigMapBytesMax) {
        data.error("Too long: may not be more than 1048576 bytes");
    }
    if (secret["type"].is("kubernetes.io/tls")) {
        for (const auto* key : {"tls.crt", "tls.key"}) {
            if (!data[key].present()) {
                data.error(compose({"Required value: ", key, ", as its type says"}));
            }
        }
    }
}

} // namespace labctl::manifest
