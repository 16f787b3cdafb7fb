#include "labctl/explain/mesh_route.h"

#include <algorithm>
#include <cmath>

#include "mesh/istio/retry.h"
#include "netemu/base/text.h"

namespace labctl::explain {

namespace {

using api::Json;

std::string milliseconds_text(std::chrono::milliseconds time) {
    constexpr std::int64_t kMicroseconds = 1000;
    return netemu::plain_duration(static_cast<std::uint64_t>(time.count() * kMicroseconds));
}

std::string match_text(const mesh::istio::StringMatch& match) {
    switch (match.kind) {
    case mesh::istio::StringMatch::Kind::Present:
        return "is there";
    case mesh::istio::StringMatch::Kind::Exact:
        return "is " + match.text;
    case mesh::istio::StringMatch::Kind::Prefix:
        return "begins with " + match.text;
    case mesh::istio::StringMatch::Kind::Regex:
        return "matches " + match.regex.text();
    }
    return {};
}

/// "uri begins with /api, header x-user is jason".
std::string block_text(const mesh::istio::HttpMatch& match) {
    std::string text;
    const auto say = [&text](const std::string& part) {
        text += (text.empty() ? "" : ", ") + part;
    };
    const auto say_one = [&](const char* what, const std::optional<mesh::istio::StringMatch>& one) {
        if (one) {
            say(what + (" " + match_text(*one)));
        }
    };
    const auto say_all = [&](const std::string& what, const auto& list) {
        for (const auto& named : list) {
            say(what + " " + named.name + " " + match_text(named.match));
        }
    };
    say_one("uri", match.uri);
    say_one("method", match.method);
    say_one("authority", match.authority);
    say_one("scheme", match.scheme);
    say_all("header", match.headers);
    say_all("not: header", match.without_headers);
    say_all("query parameter", match.query);
    if (match.port != 0) {
        say("port " + std::to_string(match.port));
    }
    if (!match.source_labels.empty() || !match.source_ns.empty()) {
        say("by the client's labels or namespace");
    }
    return text.empty() ? "everything" : text;
}

class RouteExplainer {
public:
    RouteExplainer(
        const compile::MeshView& view, const mesh::SidecarWorkload* own, const std::string& client)
        : view_(view), own_(own), client_ns_(client.substr(0, client.find('/'))) {
        route_.story = {
            {"virtualService", ""},
            {"destinationRule", ""},
            {"route", nullptr},
            {"match", nullptr},
            {"lines", Json::array()}};
    }

    std::optional<MeshRoute>
    tell(const mesh::SidecarService& service, const MeshSpeech& speech) && {
        route_.sent = speech;
        const auto* routes = speech.is_http(service.protocol)
                                 ? mesh::virtual_service_for(view_.table(), service, client_ns_)
                                 : nullptr;
        if (routes == nullptr) {
            if (mesh::destination_rule_for(service, client_ns_) == nullptr) {
                return std::nullopt;
            }
            add_destination(service, {}, 1);
            return std::move(route_);
        }
        route_.story["virtualService"] = routes->ns + "/" + routes->name;
        const auto choice = mesh::istio::choose_route(
            routes->http,
            {speech.method,
             speech.target,
             speech.authority,
             &speech.headers,
             mesh::service_port(service.name),
             own_ == nullptr ? nullptr : &own_->labels,
             client_ns_});
        if (!choice) {
            line("route", "VirtualService " + name() + ": none of its routes takes the request");
            route_.answer = "404 by the client's own sidecar: no route of VirtualService " +
                            name() + " takes the request (NR)";
            return std::move(route_);
        }
        tell_choice(routes->http[choice->route], *choice);
        tell_route(routes->http[choice->route], *choice, mesh::service_port(service.name), speech);
        return std::move(route_);
    }

private:
    [[nodiscard]] std::string name() const {
        return route_.story["virtualService"].get<std::string>();
    }

    void line(const std::string& what, const std::string& text) {
        route_.story["lines"].push_back({what, text});
    }

    void tell_choice(const mesh::istio::HttpRoute& route, const mesh::istio::RouteChoice& choice) {
        route_.story["route"] = choice.route;
        std::string text = "VirtualService " + name() + ", http[" + std::to_string(choice.route) +
                           "]" + (route.name.empty() ? "" : " " + route.name);
        if (choice.match) {
            route_.story["match"] = *choice.match;
            text += ", match[" + std::to_string(*choice.match) +
                    "]: " + block_text(route.match[*choice.match]);
        } else {
            text += ", which has no match: it takes the rest";
        }
        line("route", text);
    }

    void tell_route(
        const mesh::istio::HttpRoute& route,
        const mesh::istio::RouteChoice& choice,
        std::uint16_t called,
        const MeshSpeech& speech) {
        if (route.redirect) {
            const auto to =
                mesh::istio::redirect_location(*route.redirect, speech.authority, speech.target);
            route_.answer = std::to_string(route.redirect->status) +
                            " by the client's own sidecar: a redirect to " + to;
            route_.answer_is_meant = true;
        } else if (route.direct) {
            route_.answer = std::to_string(route.direct->status) +
                            " by the client's own sidecar: a directResponse";
            route_.answer_is_meant = true;
        } else {
            tell_destinations(route, called);
        }
        const auto target = mesh::istio::rewritten_target(route, choice, speech.target);
        if (target != speech.target) {
            line("rewrite", "to " + target);
        }
        if (route.rewrite && !route.rewrite->authority.empty()) {
            line("rewrite", "authority to " + route.rewrite->authority);
        }
        change_sent(route, target);
        tell_time(route);
        tell_faults(route);
        for (const auto& mirror : route.mirrors) {
            line(
                "mirror",
                netemu::percent_text(mirror.share) + " copied to " + mirror.to.host +
                    (mirror.to.subset.empty() ? "" : ", subset " + mirror.to.subset));
        }
    }

    void change_sent(const mesh::istio::HttpRoute& route, const std::string& target) {
        route_.sent.target = target;
        mesh::istio::edit_headers(route_.sent.headers, route.headers.request);
        auto host = route.rewrite ? route.rewrite->authority : std::string();
        if (host.empty()) {
            host = mesh::istio::set_authority(route.headers.request);
        }
        if (!host.empty()) {
            route_.sent.authority = host;
            if (route_.sent.headers.has("host")) {
                route_.sent.headers.set("host", host);
            }
        }
    }

    void tell_time(const mesh::istio::HttpRoute& route) {
        if (route.timeout.count() > 0) {
            line("timeout", milliseconds_text(route.timeout) + ", retries included");
        }
        if (!route.retries) {
            return;
        }
        const auto& retries = *route.retries;
        line(
            "retries",
            retries.attempts == 0
                ? std::string("none")
                : "up to " + std::to_string(retries.attempts) + " on " +
                      (retries.on.empty() ? std::string(mesh::istio::kDefaultRetryOn)
                                          : retries.on) +
                      (retries.per_try.count() > 0
                           ? ", " + milliseconds_text(retries.per_try) + " for each try"
                           : ""));
    }

    void tell_faults(const mesh::istio::HttpRoute& route) {
        if (const auto& delay = route.fault.delay) {
            line(
                "fault",
                "a delay of " + milliseconds_text(delay->time) + " for " +
                    netemu::percent_text(delay->share));
        }
        if (const auto& abort = route.fault.abort) {
            line(
                "fault",
                "status " + std::to_string(abort->status) + " for " +
                    netemu::percent_text(abort->share));
            if (abort->share >= mesh::istio::kEveryRequest) {
                route_.answer = std::to_string(abort->status) +
                                " by the client's own sidecar: fault filter abort (FI)";
                route_.ends.clear();
            }
        }
    }

    void tell_destinations(const mesh::istio::HttpRoute& route, std::uint16_t called) {
        const auto sum = mesh::istio::weight_sum(route);
        for (const auto& destination : route.to) {
            const auto share = route.to.size() == 1 ? 1.0
                               : sum == 0           ? 0.0
                                                    : static_cast<double>(destination.weight) / sum;
            const auto port = destination.to.port == 0 ? called : destination.to.port;
            const auto cluster = mesh::cluster_name(destination.to.host, port, "");
            const auto& services = view_.table().services;
            const auto found =
                std::find_if(services.begin(), services.end(), [&](const auto& each) {
                    return each.name == cluster;
                });
            if (found == services.end()) {
                missing(
                    share,
                    mesh::cluster_name(destination.to.host, port, destination.to.subset),
                    "no Service has that host and port");
                continue;
            }
            add_destination(*found, destination.to.subset, share);
        }
        if (route_.ends.empty() && route_.answer.empty()) {
            route_.answer = "503 no healthy upstream: no destination has ready endpoints (UH)";
        }
    }

    void missing(double share, const std::string& cluster, const std::string& why) {
        line("to", share_text(share) + " " + cluster + ": 503 (NC), " + why);
        if (share >= 1) {
            route_.answer = "503 by the client's own sidecar: " + why + ": " + cluster + " (NC)";
        }
    }

    static std::string share_text(double share) {
        return netemu::percent_text(
            static_cast<std::uint32_t>(std::lround(share * mesh::istio::kEveryRequest)));
    }

    void
    add_destination(const mesh::SidecarService& service, const std::string& subset, double share) {
        const auto* rule = mesh::destination_rule_for(service, client_ns_);
        if (rule != nullptr) {
            route_.story["destinationRule"] = rule->ns + "/" + rule->name;
        }
        const auto cluster = mesh::cluster_name(
            mesh::service_host(service.name), mesh::service_port(service.name), subset);
        std::vector<std::uint32_t> places;
        for (std::uint32_t i = 0; subset.empty() && i < service.endpoints.size(); ++i) {
            places.push_back(i);
        }
        auto policy = rule == nullptr ? mesh::istio::PolicyFields{} : rule->policy;
        if (!subset.empty()) {
            const mesh::SidecarSubset* found = nullptr;
            for (std::size_t i = 0; rule != nullptr && i < rule->subsets.size(); ++i) {
                found =
                    rule->subsets[i].name == subset && found == nullptr ? &rule->subsets[i] : found;
            }
            if (found == nullptr) {
                return missing(
                    share,
                    cluster,
                    rule == nullptr
                        ? "no DestinationRule has that subset"
                        : "DestinationRule " + rule->ns + "/" + rule->name + " has no such subset");
            }
            places = found->endpoints;
            policy = found->policy;
        }
        line(
            "to",
            share_text(share) + " " + cluster +
                (places.empty() ? ": 503 no healthy upstream (UH), it has no ready endpoints"
                                : ""));
        tell_policy(rule, policy);
        for (const auto place : places) {
            const auto& endpoint = service.endpoints[place];
            using mesh::istio::ClientTls;
            const auto mode = policy.tls.value_or(ClientTls::Auto);
            const bool mtls =
                mode == ClientTls::IstioMutual || (mode != ClientTls::Disable && endpoint.mtls);
            if (share > 0) {
                route_.ends.push_back(
                    {&service,
                     &endpoint,
                     share / static_cast<double>(places.size()),
                     mtls,
                     policy.tls ? rule->ns + "/" + rule->name : std::string()});
            }
        }
    }

    void
    tell_policy(const mesh::SidecarDestinationRule* rule, const mesh::istio::PolicyFields& policy) {
        using mesh::istio::Balancer;
        std::vector<std::string> parts;
        if (policy.balancing) {
            const auto how = policy.balancing->how;
            parts.emplace_back(
                how == Balancer::Random       ? "RANDOM"
                : how == Balancer::RoundRobin ? "ROUND_ROBIN"
                : how == Balancer::Hash       ? "consistentHash"
                                              : "LEAST_REQUEST");
        }
        if (policy.pool) {
            parts.emplace_back("connectionPool");
        }
        if (policy.outliers) {
            parts.emplace_back("outlierDetection");
        }
        if (policy.tls) {
            parts.emplace_back("tls");
        }
        if (rule == nullptr || parts.empty()) {
            return;
        }
        std::string text = "DestinationRule " + rule->ns + "/" + rule->name + ": ";
        for (std::size_t i = 0; i < parts.size(); ++i) {
            text += (i == 0 ? "" : ", ") + parts[i];
        }
        line("policy", text);
    }

    const compile::MeshView& view_;
    const mesh::SidecarWorkload* own_;
    std::string client_ns_;
    MeshRoute route_;
};

} // namespace

std::optional<MeshRoute> explain_route(
    const compile::MeshView& view,
    const std::string& client,
    const mesh::SidecarService& service,
    const MeshSpeech& speech) {
    return RouteExplainer(view, view.workload(client), client).tell(service, speech);
}

} // namespace labctl::explain
