#include "labctl/manifest/compose.h"
#include "labctl/manifest/cursor.h"
#include "labctl/manifest/names.h"
#include "labctl/manifest/rules.h"
#include "netemu/base/address.h"

namespace labctl::manifest {

namespace {

using api::Json;
using netemu::IpPrefix;

constexpr std::string_view kOldIngressClass = "kubernetes.io/ingress.class";

bool in_range(std::int64_t port) {
    return port >= 1 && port <= kPortMax;
}

void check_except(const Cursor& item, const IpPrefix& block) {
    const auto part = IpPrefix::parse(item.text());
    if (!part) {
        return; // its syntax has been reported
    }
    const bool inside = part->address.family() == block.address.family() &&
                        part->length > block.length && block.network().contains(part->address);
    if (!inside) {
        item.invalid(
            "must be a strict subset of `cidr`", compose({"the block is ", block.to_string()}));
    }
}

void check_path_text(const Cursor& path) {
    for (const std::string_view bad : {"//", "/./", "/../", "%2f", "%2F"}) {
        if (path.text().find(bad) != path.text().npos) {
            path.invalid(compose({"must not contain '", bad, "'"}));
        }
    }
    for (const std::string_view bad : {"/..", "/."}) {
        if (path.text().ends_with(bad)) {
            path.invalid(compose({"cannot end with '", bad, "'"}));
        }
    }
}

} // namespace

void default_policy_spec(Json& spec) {
    const auto& types = api::at(spec, "policyTypes");
    if (types.is_null() || (types.is_array() && types.empty())) {
        auto chosen = Json::array({"Ingress"});
        const auto& egress = api::at(spec, "egress");
        if (egress.is_array() && !egress.empty()) {
            chosen.push_back("Egress");
        }
        spec["policyTypes"] = std::move(chosen);
    }
}

void check_policy_spec(const Cursor& spec) {
    if (spec["policyTypes"].size() > 2) {
        spec["policyTypes"].invalid("may not specify more than two policyTypes");
    }
}

void check_policy_port(const Cursor& port) {
    const auto number = port["port"];
    const auto end = port["endPort"];
    if (number.is_number() && !in_range(number.number())) {
        number.invalid("must be between 1 and 65535, inclusive");
    } else if (number.is_text()) {
        number.check(port_name(number.text()));
    }
    if (!end.present() || !end.is_number()) {
        return;
    }
    if (!number.present()) {
        end.invalid("may not be specified when `port` is not specified");
    } else if (number.is_text()) {
        end.invalid("may not be specified when `port` is non-numeric");
    } else if (!in_range(end.number())) {
        end.invalid("must be between 1 and 65535, inclusive");
    } else if (end.number() < number.number()) {
        end.invalid("must be greater than or equal to `port`");
    }
}

void check_policy_peer(const Cursor& peer) {
    const bool selects = peer["podSelector"].present() || peer["namespaceSelector"].present();
    const auto block = peer["ipBlock"];
    if (!selects && !block.present()) {
        peer.required("must specify a peer");
    } else if (selects && block.present()) {
        block.forbidden("may not specify both ipBlock and another peer");
    }
}

void check_ip_block(const Cursor& block) {
    if (const auto range = IpPrefix::parse(block["cidr"].text())) {
        block["except"].each([&](const Cursor& item) { check_except(item, *range); });
    }
}

void check_ingress_backend(const Cursor& backend) {
    const auto service = backend["service"];
    const auto resource = backend["resource"];
    if (service.present() && resource.present()) {
        backend.invalid("cannot set both resource and service backends");
    } else if (!service.present() && !resource.present()) {
        backend.error(
            "Required value: a backend needs a service or a resource",
            "service: {name: NAME, port: {number: 80}}");
    }
    if (!service.json().is_object()) {
        return;
    }
    const auto port = service["port"];
    const auto name = port["name"];
    if (!name.text().empty() && port["number"].number() != 0) {
        port.invalid("cannot set both port name & port number");
    } else if (name.text().empty() && !port["number"].present()) {
        port.required("port name or number is required");
    } else if (!name.text().empty()) {
        name.check(port_name(name.text()));
    }
}

void check_ingress_path(const Cursor& path) {
    const auto text = path["path"];
    const bool exact = path["pathType"].is("Exact") || path["pathType"].is("Prefix");
    if ((exact || !text.text().empty()) && !text.text().starts_with('/')) {
        text.invalid("must be an absolute path");
    } else if (exact) {
        check_path_text(text);
    }
}

void check_ingress_rule(const Cursor& rule) {
    const auto host = rule["host"];
    if (host.text().empty()) {
        return;
    }
    if (netemu::IpAddress::parse(host.text())) {
        host.invalid("must be a DNS name, not an IP address");
    } else {
        const bool wildcard = host.text().find('*') != std::string_view::npos;
        host.check(wildcard ? wildcard_subdomain(host.text()) : dns_subdomain(host.text()));
    }
}

void check_ingress_spec(const Cursor& spec) {
    if (spec["rules"].size() == 0 && !spec["defaultBackend"].present()) {
        spec["rules"].error(
            "Invalid value: []: either `defaultBackend` or `rules` must be specified");
    }
    const auto name = spec["ingressClassName"];
    if (!name.text().empty()) {
        name.check(dns_subdomain(name.text()));
    }
}

void check_ingress(const Cursor& ingress) {
    const auto old_class = ingress["metadata"]["annotations"].key(kOldIngressClass);
    if (old_class.present() && !ingress["spec"]["ingressClassName"].text().empty()) {
        old_class.invalid("can not be set when the class field is also set");
    }
}

void check_ingress_class_spec(const Cursor& spec) {
    constexpr std::size_t kControllerMax = 250; // maxLenIngressClassController
    const auto controller = spec["controller"];
    const auto text = controller.text();
    if (text.empty()) {
        controller.required("");
        return;
    }
    const auto slash = text.find('/');
    if (text.size() > kControllerMax) {
        controller.invalid("must be no more than 250 characters");
    } else if (slash == std::string_view::npos || slash == 0 || slash + 1 == text.size()) {
        controller.invalid("must be a domain-prefixed path (such as \"acme.io/foo\")");
    }
}

} // namespace labctl::manifest
