#include "labctl/explain/gateway.h"

#include <algorithm>
#include <charconv>

#include "labctl/compile/gateway_objects.h"
#include "labctl/compile/gateways.h"
#include "labctl/explain/edge_json.h"
#include "labctl/explain/mesh.h"
#include "labctl/explain/url.h"
#include "mesh/http/message.h"
#include "mesh/istio/traffic.h"
#include "mesh/tls/certificate.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"
#include "services/gateway.h"

namespace labctl::explain {

namespace {

using api::Json;
using services::GatewayTable;

std::uint16_t port_of_url(const AskedUrl& asked) {
    const auto text = asked.connection();
    std::uint16_t port = 0;
    const auto digits = std::string_view(text).substr(text.rfind(':') + 1);
    std::from_chars(digits.data(), digits.data() + digits.size(), port);
    return port;
}

bool has_address(const store::Store& store, const std::string& gateway, const std::string& host) {
    const auto slash = gateway.find('/');
    const auto object = store.get({"Gateway", gateway.substr(0, slash), gateway.substr(slash + 1)});
    const auto addresses =
        object ? compile::gateway_addresses(store, *object) : std::vector<std::string>();
    return std::find(addresses.begin(), addresses.end(), host) != addresses.end();
}

/// Whether it says of its own accord that the host is its own.
bool names_host(const GatewayTable& table, const std::string& host) {
    const auto named = [&host](const std::string& hostname) {
        return !hostname.empty() && services::gateway_hostname_covers(hostname, host);
    };
    return std::any_of(table.listeners.begin(), table.listeners.end(), [&](const auto& listener) {
        return named(listener.hostname) ||
               std::any_of(
                   listener.entries.begin(), listener.entries.end(), [&](const auto& entry) {
                       return named(entry.hostname);
                   });
    });
}

/// The question as a request. Holds what the facts point to.
struct AskedRequest {
    AskedRequest(const AskedUrl& asked, const ExplainQuestion& question) {
        request.method = question.method;
        request.target = asked.target;
        authority = asked.authority;
        for (const auto& [name, value] : question.headers) {
            if (mesh::equals_ignore_case(name, "host")) {
                authority = value;
            }
            request.headers.add(name, value);
        }
        facts.port = port_of_url(asked);
        facts.tls = asked.scheme == "https";
        facts.authority = authority;
        facts.target = request.target;
        facts.method = request.method;
        facts.header = [this](std::string_view name) -> std::optional<std::string> {
            const auto* value = request.headers.find(name);
            return value == nullptr ? std::nullopt : std::optional(*value);
        };
        facts.query = [this](std::string_view name) {
            return mesh::query_parameter(request.query(), name);
        };
        facts.matches_all_of = [](const std::string& pattern, std::string_view text) {
            return mesh::istio::Regex(pattern).matches_all_of(text);
        };
    }
    AskedRequest(const AskedRequest&) = delete;
    AskedRequest& operator=(const AskedRequest&) = delete;
    ~AskedRequest() = default;

    mesh::Request request;
    std::string authority;
    services::GatewayFacts facts;
};

Json gateway_json(const store::Store& store, const std::string& gateway) {
    const auto slash = gateway.find('/');
    const auto object = store.get({"Gateway", gateway.substr(0, slash), gateway.substr(slash + 1)});
    Json json{{"name", gateway}, {"addresses", Json::array()}, {"pods", Json::array()}};
    if (object) {
        json["addresses"] = compile::gateway_addresses(store, *object);
    }
    for (const auto& pod : store.list("Pod", gateway.substr(0, slash))) {
        if (compile::gateway_of_pod(pod->body) == gateway) {
            json["pods"].push_back(edge_pod_json(*pod));
        }
    }
    return json;
}

Json listeners_json(
    const GatewayTable& table, std::uint16_t port, const services::GatewayListener* chosen) {
    auto list = Json::array();
    for (const auto& listener : table.listeners) {
        if (listener.port == port) {
            list.push_back(
                {{"name", listener.name},
                 {"port", listener.port},
                 {"hostname", listener.hostname},
                 {"chosen", &listener == chosen}});
        }
    }
    return list;
}

Json rules_json(
    const GatewayTable& table,
    const services::GatewayDecision& decision,
    const services::GatewayFacts& facts) {
    auto list = Json::array();
    for (const auto& entry : decision.listener->entries) {
        const auto& match = services::match_of(table, entry);
        list.push_back(
            {{"hostname", entry.hostname},
             {"match", services::describe(match)},
             {"route", table.routes.at(entry.route).name},
             {"rule", entry.rule + 1},
             {"matches",
              services::gateway_hostname_covers(entry.hostname, decision.host) &&
                  services::gateway_matches(match, facts, decision.path)},
             {"chosen", &entry == decision.entry}});
    }
    return list;
}

/// The Secret whose certificate a client is shown; "": none.
std::string
certificate_of(const GatewayTable& table, std::uint16_t port, const std::string& server_name) {
    const auto* listener = services::gateway_listener(table, port, server_name);
    if (listener == nullptr) {
        return {};
    }
    const auto chosen = services::gateway_certificate(
        *listener, server_name, [&table](std::uint32_t index, std::string_view name) {
            const auto& certificate = table.certificates.at(index);
            try {
                return mesh::TlsIdentity::parse(certificate.chain_pem, certificate.key_pem)
                    ->covers(name);
            } catch (const netemu::Error&) {
                return false;
            }
        });
    return chosen ? table.certificates.at(*chosen).secret : "";
}

void add_edits(Json& filters, const char* what, const services::GatewayHeaderEdits& edits) {
    for (const auto& field : edits.set) {
        filters.push_back(std::string(what) + " header " + field.name + " set to " + field.value);
    }
    for (const auto& field : edits.add) {
        filters.push_back(
            std::string(what) + " header " + field.name + ": " + field.value + " added");
    }
    for (const auto& name : edits.remove) {
        filters.push_back(std::string(what) + " header " + name + " removed");
    }
}

Json filters_json(
    const GatewayTable& table,
    const services::GatewayRule& rule,
    const services::GatewayMatch& match,
    const services::GatewayFacts& facts) {
    auto filters = Json::array();
    add_edits(filters, "request", rule.request);
    add_edits(filters, "response", rule.response);
    if (rule.rewrite) {
        filters.push_back(
            "asks the backend for " +
            services::gateway_edited_target(rule.rewrite->path, match, facts.target) +
            (rule.rewrite->host.empty() ? "" : " of host " + rule.rewrite->host));
    }
    for (const auto& mirror : rule.mirrors) {
        filters.push_back(
            "a copy goes to " + table.backends.at(mirror.backend).service.name +
            (mirror.numerator == mirror.denominator
                 ? ""
                 : " (" + std::to_string(mirror.numerator) + " of " +
                       std::to_string(mirror.denominator) + " requests)"));
    }
    for (const auto& [time, what] :
         {std::pair{rule.timeout, "request"}, std::pair{rule.backend_timeout, "backendRequest"}}) {
        if (time.count() > 0) {
            filters.push_back(
                std::string("timeout of the ") + what + ": " + std::to_string(time.count()) +
                " ms");
        }
    }
    return filters;
}

Json backends_json(
    const store::Store& store, const GatewayTable& table, const services::GatewayRule& rule) {
    auto list = Json::array();
    const auto sum = services::gateway_weight_sum(rule);
    for (const auto& share : rule.backends) {
        const auto& backend = table.backends.at(share.backend);
        const int status = backend.is_wrong ? 500 : backend.service.endpoints.empty() ? 503 : 0;
        list.push_back(
            {{"name", backend.service.name},
             {"share",
              sum == 0 ? 0.0 : static_cast<double>(share.weight) / static_cast<double>(sum)},
             {"status", status},
             {"problem", backend.service.problem},
             {"endpoints", edge_endpoints_json(store, backend.service)}});
    }
    return list;
}

/// Of the Gateway itself, and of routes that name it and would have the host.
Json notes_json(
    const std::vector<compile::GatewayNote>& notes,
    const std::string& gateway,
    const std::string& host) {
    auto list = Json::array();
    for (const auto& note : notes) {
        const auto& object = *note.object;
        const auto name = object.ns() + "/" + object.name();
        bool concerns = object.kind() == "Gateway" && name == gateway;
        if (object.kind() == "HTTPRoute") {
            const auto& hostnames = api::at(object.body, "spec.hostnames");
            const bool has_host =
                hostnames.empty() ||
                std::any_of(hostnames.begin(), hostnames.end(), [&host](const Json& one) {
                    return services::gateway_hostname_covers(
                        compile::gateway_hostname(one.is_string() ? one.get<std::string>() : ""),
                        host);
                });
            const auto& parents = api::at(object.body, "spec.parentRefs");
            concerns =
                has_host && std::any_of(parents.begin(), parents.end(), [&](const Json& parent) {
                    return compile::gateway_of_parent(parent, object.ns()) == gateway;
                });
        }
        if (concerns) {
            list.push_back(
                {{"object", object.kind() + " " + name}, {"path", note.path}, {"text", note.text}});
        }
    }
    return list;
}

bool has_endpoint(const GatewayTable& table, const services::GatewayRule& rule) {
    return std::any_of(rule.backends.begin(), rule.backends.end(), [&table](const auto& share) {
        return share.weight > 0 && !table.backends.at(share.backend).service.endpoints.empty();
    });
}

void explain_rule(
    Json& answer,
    const store::Store& store,
    const GatewayTable& table,
    const services::GatewayEntry& entry,
    const services::GatewayFacts& facts) {
    const auto& rule = services::rule_of(table, entry);
    const auto& match = services::match_of(table, entry);
    answer["filters"] = filters_json(table, rule, match, facts);
    answer["backends"] = backends_json(store, table, rule);
    if (!rule.problem.empty()) {
        answer["outcome"] = "unsupported";
        answer["status"] = 500;
        answer["problem"] = rule.problem;
    } else if (rule.redirect) {
        answer["outcome"] = "redirect";
        answer["status"] = rule.redirect->status;
        answer["location"] = services::gateway_redirect_location(*rule.redirect, match, facts);
    } else if (services::gateway_weight_sum(rule) == 0) {
        answer["outcome"] = "no-backend";
        answer["status"] = 500;
    } else {
        answer["outcome"] = has_endpoint(table, rule) ? "endpoint" : "no-endpoints";
    }
}

} // namespace

std::string gateway_of_url(
    const store::Store& store,
    const compile::ClusterConfig& config,
    const GatewayTables& gateways,
    const std::map<std::string, services::IngressTable>& ingresses,
    const ExplainQuestion& question) {
    if (!is_asked_url(question.to)) {
        return {};
    }
    const auto asked = read_asked_url(question.to);
    const auto host = services::ingress_host_name(asked.authority);
    for (const auto& [name, table] : gateways) {
        if (has_address(store, name, asked.host())) {
            return name;
        }
    }
    for (const auto& [name, table] : gateways) {
        if (names_host(table, host)) {
            return name;
        }
    }
    const bool of_ingress =
        std::any_of(ingresses.begin(), ingresses.end(), [&host](const auto& controller) {
            return services::ingress_host_key(controller.second, host) != nullptr;
        });
    const auto port = port_of_url(asked);
    const auto listens = std::find_if(gateways.begin(), gateways.end(), [&](const auto& entry) {
        return services::gateway_listener(entry.second, port, host) != nullptr;
    });
    return of_ingress || listens == gateways.end() ||
                   is_service_url(store, config, ingresses, question)
               ? ""
               : listens->first;
}

Json explain_gateway(
    const store::Store& store,
    const compile::ClusterConfig& config,
    const compile::Gateways& gateways,
    const std::string& gateway,
    const ExplainQuestion& question) {
    const auto asked = read_asked_url(question.to);
    const AskedRequest request(asked, question);
    const auto& facts = request.facts;
    const auto& table = gateways.tables().at(gateway);
    const auto host = services::ingress_host_name(request.authority);
    Json answer{
        {"from", edge_source_json(explain_source(store, config, question))},
        {"url", question.to},
        {"scheme", asked.scheme},
        {"host", host},
        {"path", asked.target},
        {"port", facts.port},
        {"gateway", gateway_json(store, gateway)},
        {"rules", Json::array()},
        {"filters", Json::array()},
        {"backends", Json::array()},
        {"status", 0},
        {"notes", notes_json(gateways.notes(), gateway, host)}};
    if (facts.tls) {
        answer["certificate"] = certificate_of(table, facts.port, asked.host());
    }
    const auto decision = services::route_gateway(table, facts);
    answer["listeners"] =
        listeners_json(table, facts.port, decision ? decision->listener : nullptr);
    const auto refuse = [&answer](const char* outcome, int status) {
        answer["outcome"] = outcome;
        answer["status"] = status;
        return answer;
    };
    if (facts.tls && answer["certificate"] == "") {
        return refuse("no-certificate", 0);
    }
    if (!decision) {
        return refuse("bad-request", 400);
    }
    answer["path"] = decision->path;
    if (decision->listener == nullptr) {
        return refuse("no-listener", 404);
    }
    answer["rules"] = rules_json(table, *decision, facts);
    if (decision->entry == nullptr) {
        return refuse("no-rule", 404);
    }
    explain_rule(answer, store, table, *decision->entry, facts);
    return answer;
}

} // namespace labctl::explain
