#include "labctl/explain/linkerd.h"

#include <array>

#include "labctl/compile/linkerd_objects.h"
#include "labctl/compile/linkerd_policies.h"
#include "mesh/linkerd/decision.h"

namespace labctl::explain {

namespace {

using api::Json;
using mesh::linkerd::Speech;

Json past_the_proxy(const MeshArrival& arrival, const std::string& why) {
    return {
        {"sidecar", false},
        {"why", why},
        {"application", {{"client", arrival.source.to_string()}}},
        {"verdict",
         {{"allowed", true},
          {"text", "allowed: there is no proxy that would ask a policy"},
          {"by", ""},
          {"answer", ""}}}};
}

/// One question to one port of a pod.
class LinkerdJudge {
public:
    LinkerdJudge(
        const mesh::linkerd::Governing& governing,
        const MeshArrival& arrival,
        const MeshSpeech& speech)
        : governing_(governing), request_{speech.method, speech.target, 1, speech.headers, {}, {}} {
        using mesh::linkerd::ProxyProtocol;
        request_.headers.set("host", speech.authority);
        connection_.source = arrival.source;
        connection_.identity = arrival.peer_id;
        connection_.tls = arrival.peer_id.has_value();
        const auto& server = governing.inbound;
        const bool opaque = mesh::is_opaque(server);
        http_ =
            !opaque &&
            (speech.kind == MeshSpeech::Kind::Http ||
             (speech.kind == MeshSpeech::Kind::Bytes && server.protocol == ProxyProtocol::Http1));
    }

    [[nodiscard]] bool is_http() const { return http_; }

    /// The HTTPRoutes, and whether they take the request.
    [[nodiscard]] Json routes() const {
        auto list = Json::array();
        const auto choice = chosen();
        for (std::size_t i = 0; http_ && i < governing_.inbound.routes.size(); ++i) {
            const auto& table = governing_.inbound.routes[i].table;
            auto rules = Json::array();
            for (const auto& rule : table.rules) {
                rules.push_back(mesh::linkerd::describe(rule));
            }
            list.push_back(
                {{"route", table.name},
                 {"rules", std::move(rules)},
                 {"takes", choice && choice->route == i}});
        }
        return list;
    }

    /// Those of the route that takes it, and then the Server's.
    [[nodiscard]] Json policies() const {
        auto list = Json::array();
        const auto& routes = governing_.inbound.routes;
        const auto choice = chosen();
        if (http_ && !routes.empty() && !choice) {
            return list; // nobody is asked
        }
        const auto add = [&](const auto& authorizations) {
            for (const auto& one : authorizations) {
                const auto why_not = mesh::linkerd::mismatch(one, connection_);
                list.push_back(
                    {{"policy", mesh::linkerd::title(one.name)},
                     {"matches", why_not.empty()},
                     {"text", why_not.empty() ? mesh::linkerd::describe(one) : why_not}});
            }
        };
        if (http_ && choice) {
            add(routes[choice->route].authorizations);
        }
        add(governing_.inbound.authorizations);
        return list;
    }

    [[nodiscard]] Json verdict() const {
        const auto facts = request_facts();
        const auto decision = mesh::linkerd::decide(
            governing_.inbound,
            connection_,
            http_ ? Speech::Http1 : Speech::Tcp,
            http_ ? &facts : nullptr);
        std::string answer;
        if (!decision.allowed) {
            const auto status = decision.status == 0 ? "502" : std::to_string(decision.status);
            answer = http_ ? status + ", without a body" : "connection closed";
        }
        return {
            {"allowed", decision.allowed},
            {"text", decision.text},
            {"by", decision.allowed ? decision.authorization : governing_.inbound.reference()},
            {"answer", answer}};
    }

private:
    /// Views of this.
    [[nodiscard]] mesh::linkerd::RequestFacts request_facts() const {
        return {
            request_.method,
            request_.path(),
            request_.query(),
            request_.headers.get("host"),
            &request_.headers};
    }

    [[nodiscard]] std::optional<mesh::linkerd::RouteChoice> chosen() const {
        std::vector<const mesh::linkerd::RouteTable*> tables;
        for (const auto& route : governing_.inbound.routes) {
            tables.push_back(&route.table);
        }
        return http_ ? mesh::linkerd::pick_route(tables, request_facts()) : std::nullopt;
    }

    const mesh::linkerd::Governing& governing_;
    mesh::Request request_;
    mesh::linkerd::ConnectionFacts connection_;
    bool http_ = false;
};

} // namespace

Json explain_linkerd_arrival(
    const compile::MeshView& view, const MeshArrival& arrival, const MeshSpeech& speech) {
    const auto* workload = view.workload(arrival.pod);
    const auto pod = view.pod(arrival.pod);
    if (workload == nullptr || !pod) {
        return past_the_proxy(
            arrival, pod ? compile::linkerd_absence(view.store(), pod->body) : "it is no pod");
    }
    if (arrival.of_own_pod) {
        return past_the_proxy(arrival, "a pod speaks to itself without its proxy's inbound side");
    }
    const auto port = arrival.address.port;
    if (compile::contains_port(compile::skipped_inbound_ports(pod->body), port)) {
        return past_the_proxy(
            arrival, "port " + std::to_string(port) + " passes the proxy by (skip-inbound-ports)");
    }
    const auto governing = view.governing(*pod, port);
    const auto& inbound = governing.inbound;
    const LinkerdJudge judge(governing, arrival, speech);
    Json story{
        {"sidecar", true},
        {"redirect", mesh::kLinkerdInboundPort},
        {"id", view.id_of(*workload)},
        {"port", port},
        {"protocol", mesh::linkerd::proxy_protocol_name(inbound.protocol)},
        {"spoken", judge.is_http() ? "HTTP" : "TCP"},
        {"governs", inbound.server.empty() ? "" : "Server " + inbound.server},
        {"default", mesh::linkerd::default_policy_name(inbound.policy)},
        {"others", governing.others},
        {"identity", arrival.peer_id ? Json(*arrival.peer_id) : Json()},
        {"routes", judge.routes()},
        {"policies", judge.policies()},
        {"ignored", governing.ignored},
        {"verdict", judge.verdict()},
        {"application", nullptr}};
    if (api::bool_at(story, "verdict.allowed", false)) {
        story["application"] = {{"client", arrival.address.address.to_string()}};
    }
    return story;
}

} // namespace labctl::explain
