#include "labctl/explain/traffic_lint.h"

#include <algorithm>
#include <map>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/traffic_objects.h"
#include "labctl/explain/mesh_lint_world.h"
#include "netemu/base/text.h"

namespace labctl::explain {

namespace {

using api::at;
using api::Json;
using api::string_at;

std::string placed(const std::string& list, std::size_t index) {
    return list + "[" + std::to_string(index) + "]";
}

/// Of a single block: whether it takes every request.
bool takes_all(const Json& match) {
    return match.size() == 1 && string_at(match, "uri.prefix") == "/";
}

class TrafficLinter {
public:
    TrafficLinter(const store::Store& store, const compile::ClusterConfig& config)
        : store_(store), domain_(config.cluster_domain), world_(mesh_lint_world(store)) {
        for (const auto& service : store.list("Service")) {
            services_[service->name() + "." + service->ns() + ".svc." + domain_] = service;
        }
        for (const auto& object : store.list("DestinationRule")) {
            rules_.push_back(compile::read_destination_rule(*object, domain_));
        }
    }

    std::vector<MeshFinding> run() && {
        std::map<std::string, std::string> taken; // who has a host already
        auto services = store_.list("VirtualService");
        std::stable_sort(services.begin(), services.end(), [](const auto& a, const auto& b) {
            return string_at(a->body, "metadata.creationTimestamp") <
                   string_at(b->body, "metadata.creationTimestamp");
        });
        for (const auto& object : services) {
            object_ = object;
            check_virtual_service(taken);
        }
        for (const auto& object : store_.list("DestinationRule")) {
            object_ = object;
            check_destination_rule(compile::read_destination_rule(*object, domain_));
        }
        return std::move(findings_);
    }

private:
    void say(std::string path, std::string message, std::string hint) {
        findings_.push_back({object_, std::move(path), std::move(message), std::move(hint)});
    }

    [[nodiscard]] std::string whole(const std::string& host) const {
        return mesh::istio::complete_host(host, object_->ns(), domain_);
    }

    [[nodiscard]] std::string other_host(const std::string& host) const {
        const auto full = host + ".svc." + domain_;
        if (services_.contains(full)) {
            return "only names without dots are completed: write " + full;
        }
        std::vector<std::string> known;
        known.reserve(services_.size());
        for (const auto& [name, service] : services_) {
            known.push_back(name);
        }
        const auto near = netemu::nearest(whole(host), known);
        return near ? "did you mean " + *near + "?" : "name a Service of the lab";
    }

    void check_host(const std::string& path, const std::string& host) {
        const auto full = whole(host);
        const bool found = std::any_of(services_.begin(), services_.end(), [&](const auto& each) {
            return mesh::istio::host_matches(full, each.first);
        });
        if (!found) {
            say(path, "no Service is " + full + ", so nothing is said of any", other_host(host));
        }
    }

    void check_virtual_service(std::map<std::string, std::string>& taken) {
        const auto service = compile::read_virtual_service(*object_, domain_);
        const auto& hosts = at(object_->body, "spec.hosts");
        if (!service.of_mesh) {
            say("spec.gateways",
                "it is for gateways, of which a lab has none: no sidecar goes by it",
                "leave gateways out, or add mesh");
            return;
        }
        for (std::size_t i = 0; i < service.hosts.size() && i < hosts.size(); ++i) {
            const auto path = placed("spec.hosts", i);
            check_host(path, hosts[i].get<std::string>());
            const auto own = object_->ns() + "/" + object_->name();
            const auto [before, is_new] = taken.emplace(service.hosts[i], own);
            if (!is_new && service.export_to.empty()) {
                say(path,
                    "VirtualService " + before->second +
                        " has this host already: sidecars go by that one alone",
                    "put the routes of both into one");
            }
        }
        check_routes(at(object_->body, "spec.http"));
    }

    void check_routes(const Json& routes) {
        std::string all_taken_by;
        for (std::size_t i = 0; routes.is_array() && i < routes.size(); ++i) {
            const auto path = placed("spec.http", i);
            if (!all_taken_by.empty()) {
                say(path,
                    "is never reached: " + all_taken_by + " takes every request before",
                    "put it in front");
            }
            const auto& blocks = at(routes[i], "match");
            for (std::size_t k = 0; k < blocks.size(); ++k) {
                check_expressions(placed(path + ".match", k), blocks[k]);
                if (takes_all(blocks[k]) && all_taken_by.empty()) {
                    all_taken_by = placed(path + ".match", k);
                }
            }
            check_destinations(path, routes[i]);
        }
    }

    void check_expression(const std::string& path, const Json& match) {
        const auto text = string_at(match, "regex");
        if (!text.empty() && text != "*" && !mesh::istio::Regex(text).valid()) {
            say(path + ".regex",
                "\"" + text + "\" is no regular expression of RE2: it matches nothing",
                "RE2 has no look-around and no back-references");
        }
    }

    void check_expressions(const std::string& path, const Json& match) {
        for (const auto* field : {"uri", "scheme", "method", "authority"}) {
            check_expression(path + "." + field, at(match, field));
        }
        for (const auto* field : {"headers", "withoutHeaders", "queryParams"}) {
            const auto& map = at(match, field);
            for (auto entry = map.begin(); map.is_object() && entry != map.end(); ++entry) {
                check_expression(path + "." + field + "." + entry.key(), entry.value());
            }
        }
    }

    void check_destinations(const std::string& path, const Json& route) {
        std::int64_t sum = 0;
        const auto& list = at(route, "route");
        for (std::size_t i = 0; i < list.size(); ++i) {
            check_destination(
                placed(path + ".route", i) + ".destination", at(list[i], "destination"));
            const auto& weight = at(list[i], "weight");
            sum += weight.is_number_integer() ? weight.get<std::int64_t>() : 0;
        }
        constexpr std::int64_t kAll = 100;
        if (list.size() > 1 && sum != kAll && sum != 0) {
            say(path + ".route",
                "the weights sum up to " + std::to_string(sum) +
                    ": they are shares of that, not percentages",
                "make them 100 together");
        }
        if (at(route, "mirror").is_object()) {
            check_destination(path + ".mirror", at(route, "mirror"));
        }
    }

    void check_destination(const std::string& path, const Json& to) {
        const auto host = string_at(to, "host");
        const auto found = services_.find(whole(host));
        if (found == services_.end()) {
            say(path + ".host",
                "no Service is " + whole(host) + ": requests that come to this get 503 (NC)",
                other_host(host));
            return;
        }
        const auto& port = at(to, "port.number");
        const auto& ports = at(found->second->body, "spec.ports");
        const bool has_port =
            !port.is_number() || std::any_of(ports.begin(), ports.end(), [&](const Json& each) {
                return at(each, "port") == port;
            });
        if (!has_port) {
            say(path + ".port.number",
                "Service " + found->second->ns() + "/" + found->second->name() + " has no port " +
                    port.dump() + ": requests that come to this get 503 (NC)",
                "write a port of the Service, not of its pods");
        }
        check_subset(path, found->first, string_at(to, "subset"));
    }

    void check_subset(const std::string& path, const std::string& host, const std::string& name) {
        if (name.empty()) {
            return;
        }
        std::vector<std::string> known;
        for (const auto& rule : rules_) {
            if (mesh::istio::host_matches(rule.host, host)) {
                for (const auto& subset : rule.subsets) {
                    known.push_back(subset.name);
                }
            }
        }
        if (std::find(known.begin(), known.end(), name) != known.end()) {
            return;
        }
        const auto near = netemu::nearest(name, known);
        say(path + ".subset",
            "no DestinationRule for " + host + " has a subset " + name +
                ": requests that come to this get 503 (NC)",
            near ? "did you mean " + *near + "?" : "add it to a DestinationRule");
    }

    void check_destination_rule(const mesh::istio::DestinationRule& rule) {
        check_host("spec.host", string_at(object_->body, "spec.host"));
        const auto found = services_.find(rule.host);
        if (found == services_.end() || world_.pods.empty()) {
            return;
        }
        const auto selector = api::labels_at(found->second->body, "spec.selector");
        if (selector.empty()) {
            return;
        }
        for (std::size_t i = 0; i < rule.subsets.size(); ++i) {
            const auto& subset = rule.subsets[i];
            auto wanted = subset.labels;
            bool possible = true;
            for (const auto& [key, value] : selector) {
                possible = wanted.emplace(key, value).first->second == value && possible;
            }
            if (possible && !world_.selected(found->second->ns(), wanted).empty()) {
                continue;
            }
            std::string labels;
            for (const auto& [key, value] : subset.labels) {
                labels += (labels.empty() ? "" : ",") + key + "=" + value;
            }
            say(placed("spec.subsets", i) + ".labels",
                "no pod of Service " + found->second->ns() + "/" + found->second->name() +
                    " has the labels " + labels,
                "compare them with the labels of the pods' template");
        }
    }

    const store::Store& store_;
    const std::string domain_;
    const MeshLintWorld world_;
    std::map<std::string, api::ObjectPtr> services_; // by host
    std::vector<mesh::istio::DestinationRule> rules_;
    api::ObjectPtr object_; // that is looked at
    std::vector<MeshFinding> findings_;
};

} // namespace

std::vector<MeshFinding>
lint_traffic(const store::Store& store, const compile::ClusterConfig& config) {
    return TrafficLinter(store, config).run();
}

} // namespace labctl::explain
