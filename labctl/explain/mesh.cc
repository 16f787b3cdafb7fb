#include "labctl/explain/mesh.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/linkerd_objects.h"
#include "labctl/explain/mesh_hints.h"
#include "labctl/explain/mesh_inbound.h"
#include "labctl/explain/mesh_outbound.h"
#include "labctl/explain/mesh_route.h"
#include "labctl/explain/url.h"

namespace labctl::explain {

namespace {

using api::at;
using api::Json;
using api::string_at;
using netemu::IpAddress;

/// One who may be at the other end.
struct MeshEnd {
    netemu::Endpoint address;
    std::string pod;
    double share = 0;
    IpAddress source{}; // as the pod sees it
    bool mtls = false;
    const mesh::SidecarService* service = nullptr; // of it, for FROM's sidecar
    std::string tls_by{};                          // the DestinationRule that says how it is sent
};

class MeshExplainer {
public:
    MeshExplainer(
        const compile::MeshView& view,
        const ExplainQuestion& question,
        const Json& way,
        const netemu::Endpoint& target)
        : view_(view), way_(way), target_(target), url_(is_asked_url(question.to)),
          speech_(mesh_speech(question, target)), from_(string_at(way, "from.name")) {
        const bool pod = from_ != "external" && !from_.starts_with("node/");
        own_ = pod ? view_.workload(from_) : nullptr;
        if (own_ != nullptr && view_.of_linkerd() && passes_by()) {
            own_ = nullptr;
        }
        service_ = own_ == nullptr ? nullptr : view_.service(target);
        find_ends();
    }

    [[nodiscard]] bool concerns() const {
        return url_ || own_ != nullptr ||
               std::any_of(ends_.begin(), ends_.end(), [this](const MeshEnd& end) {
                   return view_.workload(end.pod) != nullptr;
               });
    }

    Json tell() {
        tell_from();
        story_["outbound"] = own_ == nullptr       ? explain_application(speech_)
                             : view_.of_linkerd()  ? explain_linkerd_outbound(service_, speech_)
                             : service_ == nullptr ? explain_passthrough(view_, target_)
                                                   : explain_cluster(view_, *service_, speech_);
        if (route_) {
            story_["outbound"]["route"] = route_->story;
        }
        story_["endpoints"] = Json::array();
        story_["inbound"] = Json::array();
        for (const auto& end : ends_) {
            tell_end(end);
        }
        tell_request();
        story_["hints"] = Json::array();
        for (const auto& hint : hints_) {
            story_["hints"].push_back({{"text", hint.text}, {"remedy", hint.remedy}});
        }
        conclude();
        return std::move(story_);
    }

private:
    /// Whether FROM's own rules let it past its proxy.
    [[nodiscard]] bool passes_by() const {
        const auto pod = view_.pod(from_);
        return pod &&
               compile::contains_port(compile::skipped_outbound_ports(pod->body), target_.port);
    }

    /// The application's TLS where its sidecar wants to read HTTP.
    [[nodiscard]] bool unreadable() const {
        return service_ != nullptr && service_->protocol == mesh::SidecarProtocol::Http &&
               speech_.kind == MeshSpeech::Kind::Tls;
    }

    void find_ends() {
        if (unreadable()) {
            return;
        }
        if (service_ != nullptr) {
            route_ = explain_route(view_, from_, *service_, speech_);
        }
        if (route_) {
            for (const auto& end : route_->ends) {
                ends_.push_back(
                    {end.endpoint->address,
                     end.endpoint->pod,
                     end.share,
                     own_address(),
                     end.mtls,
                     end.service,
                     end.tls_by});
            }
            return;
        }
        if (service_ != nullptr) {
            for (const auto& endpoint : service_->endpoints) {
                ends_.push_back(
                    {endpoint.address,
                     endpoint.pod,
                     1.0 / static_cast<double>(service_->endpoints.size()),
                     own_address(),
                     endpoint.mtls && !is_own(endpoint.pod),
                     service_});
            }
            return;
        }
        for (const auto& branch : at(way_, "branches")) {
            const auto result = string_at(branch, "result");
            const auto address = result.empty() ? target_ : netemu::Endpoint::parse(result);
            if (!address) { // a rule rejects or drops it
                continue;
            }
            const auto& share = at(branch, "probability");
            ends_.push_back(
                {*address,
                 view_.pod_at(address->address),
                 share.is_number() ? share.get<double>() : 1.0,
                 IpAddress::parse(string_at(branch, "source")).value_or(own_address()),
                 false});
        }
    }

    /// Linkerd's proxies speak plaintext to their own pod.
    [[nodiscard]] bool is_own(const std::string& pod) const {
        return view_.of_linkerd() && pod == from_;
    }

    /// Where a port is one of HTTP, something is asked even if the question has no URL.
    void tell_request() {
        const auto& stories = story_["inbound"];
        const bool http = std::any_of(stories.begin(), stories.end(), [](const Json& story) {
            return string_at(story, "spoken") == "HTTP";
        });
        if (url_ || http) {
            story_["request"] = {
                {"method", speech_.method},
                {"path", speech_.target},
                {"host", speech_.authority},
                {"tls", speech_.kind == MeshSpeech::Kind::Tls},
                {"assumed", !url_}};
        }
    }

    void tell_from() {
        story_["from"] = {{"name", from_}, {"sidecar", own_ != nullptr}};
        if (own_ != nullptr) {
            story_["from"]["id"] = view_.id_of(*own_);
            return;
        }
        const auto pod = from_.starts_with("node/") ? nullptr : view_.pod(from_);
        story_["from"]["why"] = !pod ? "it is no pod"
                                : !view_.of_linkerd()
                                    ? compile::sidecar_absence(view_.store(), pod->body)
                                : view_.workload(from_) != nullptr
                                    ? "the port passes the proxy by (skip-outbound-ports)"
                                    : compile::linkerd_absence(view_.store(), pod->body);
        if (pod) {
            add_hints(late_sidecar_hints(view_, from_));
        }
    }

    /// The port of the Service, as FROM has named it; 0: it called a pod.
    [[nodiscard]] std::uint16_t service_port() const {
        if (service_ != nullptr && !view_.of_linkerd()) {
            return cluster_port(*service_);
        }
        return string_at(way_, "service").empty() ? std::uint16_t{0} : target_.port;
    }

    /// Mutual TLS or not, and why.
    [[nodiscard]] std::string tls_reason(const MeshEnd& end, const Json& story) const {
        const bool there = view_.workload(end.pod) != nullptr;
        const auto mode = string_at(story, "mtls.mode");
        if (own_ == nullptr) {
            return "the client has no sidecar";
        }
        if (service_ == nullptr) {
            return "passed through";
        }
        if (!end.tls_by.empty()) {
            return "tls.mode of DestinationRule " + end.tls_by;
        }
        if (!there) {
            return "no sidecar there";
        }
        if (view_.of_linkerd()) {
            return end.mtls          ? "a proxy there, which must show " + string_at(story, "id")
                   : is_own(end.pod) ? "its own pod"
                                     : "the port passes its proxy by";
        }
        const auto policy = string_at(story, "mtls.policy");
        return end.mtls ? "a sidecar there, mode " + mode
                        : "mode " + mode + (policy.empty() ? "" : " by " + policy);
    }

    [[nodiscard]] IpAddress own_address() const {
        return IpAddress::parse(string_at(way_, "from.address")).value_or(IpAddress());
    }

    void tell_end(const MeshEnd& end) {
        MeshArrival arrival;
        arrival.pod = end.pod;
        arrival.address = end.address;
        arrival.source = end.source;
        arrival.by_sidecar = own_ != nullptr;
        arrival.of_own_pod = own_ != nullptr && is_own(end.pod);
        if (end.mtls && own_ != nullptr) {
            arrival.peer_id = view_.id_of(*own_);
            arrival.sni = end.service->sni;
        }
        auto story = explain_arrival(view_, arrival, route_ ? route_->sent : speech_);
        add_hints(arrival_hints(view_, arrival, story, service_port()));
        add_hints(late_sidecar_hints(view_, end.pod));
        const auto pod = view_.pod(end.pod);
        story_["endpoints"].push_back(
            {{"address", end.address.to_string()},
             {"pod", end.pod},
             {"node", pod ? string_at(pod->body, "spec.nodeName") : ""},
             {"share", end.share},
             {"tls", arrival.peer_id ? "mTLS" : "plaintext"},
             {"source", end.source.to_string()},
             {"why",
              tls_reason(end, story) + (end.source == own_address()
                                            ? ""
                                            : "; seen as coming from " + end.source.to_string())}});
        add_story(end.pod.empty() ? end.address.to_string() : end.pod, std::move(story));
    }

    /// Pods of which the same is to be told are told of once.
    void add_story(const std::string& pod, Json story) {
        for (auto& known : story_["inbound"]) {
            auto same = known;
            same.erase("pods");
            if (same == story) {
                known["pods"].push_back(pod);
                return;
            }
        }
        story["pods"] = {pod};
        story_["inbound"].push_back(std::move(story));
    }

    void add_hints(const std::vector<MeshHint>& more) {
        for (const auto& hint : more) {
            if (std::find(hints_.begin(), hints_.end(), hint) == hints_.end()) {
                hints_.push_back(hint);
            }
        }
    }

    /// Where its own sidecar asks for it, a broken connection is that one's to tell of (reference
    /// 3, flag UC).
    [[nodiscard]] std::string seen_by_client(const Json& story) const {
        auto answer = string_at(story, "verdict.answer");
        const bool broken = answer == "connection reset" || answer == "connection closed";
        const bool asked_for = own_ != nullptr && !view_.of_linkerd() &&
                               string_at(story_, "outbound.spoken") == "HTTP";
        return broken && asked_for
                   ? "503 upstream connect error, connection termination, from its own sidecar"
                   : answer;
    }

    void conclude() {
        std::size_t denied = 0;
        std::size_t all = 0;
        std::string denial;
        std::string leave;
        for (const auto& story : story_["inbound"]) {
            const bool allowed = api::bool_at(story, "verdict.allowed", false);
            const auto pods = story["pods"].size();
            all += pods;
            denied += allowed ? 0 : pods;
            auto& text = allowed ? leave : denial;
            if (text.empty()) {
                text = string_at(story, "verdict.text");
                text += allowed ? "" : "; the client sees: " + seen_by_client(story);
            }
        }
        if (unreadable()) {
            story_["outcome"] = "denied";
            story_["text"] =
                "refused by the client's own sidecar: the port is one of HTTP, and TLS "
                "is none; the client sees: 400";
            return;
        }
        if (route_ && !route_->answer.empty()) {
            story_["outcome"] = route_->answer_is_meant ? "endpoint" : "denied";
            story_["text"] = route_->answer;
            return;
        }
        if (all == 0) {
            const bool http = string_at(story_, "outbound.spoken") == "HTTP";
            story_["outcome"] = "no-endpoints";
            story_["text"] =
                service_ == nullptr  ? std::string("nobody is at the other end")
                : view_.of_linkerd() ? std::string(http ? "504" : "connection closed") + ": " +
                                           service_->name + " has no ready endpoints"
                : http ? "503 no healthy upstream: " + service_->name + " has no ready endpoints"
                       : "connection closed: " + service_->name + " has no ready endpoints";
            return;
        }
        story_["outcome"] = denied == 0 ? "endpoint" : denied == all ? "denied" : "partly";
        story_["text"] = denied == 0     ? leave
                         : denied == all ? denial
                                         : std::to_string(denied) + " of " + std::to_string(all) +
                                               " pods refuse: " + denial;
    }

    const compile::MeshView& view_;
    const Json& way_;
    const netemu::Endpoint target_;
    const bool url_;
    const MeshSpeech speech_;
    const std::string from_;
    const mesh::SidecarWorkload* own_ = nullptr;
    const mesh::SidecarService* service_ = nullptr;
    std::optional<MeshRoute> route_; // what is said about the request
    std::vector<MeshEnd> ends_;
    std::vector<MeshHint> hints_;
    Json story_ = Json::object();
};

} // namespace

void explain_mesh(Json& explanation, const MeshSources& sources, const ExplainQuestion& question) {
    const auto target = netemu::Endpoint::parse(string_at(explanation, "to.address"));
    if (sources.config.mesh_profile == "none" || !target ||
        string_at(explanation, "to.protocol") != "TCP") {
        return;
    }
    const compile::MeshView view(sources.store, sources.table);
    MeshExplainer explainer(view, question, explanation, *target);
    if (!explainer.concerns()) {
        return;
    }
    auto story = explainer.tell();
    const auto outcome = string_at(story, "outcome");
    const auto text = string_at(story, "text");
    const auto way = string_at(explanation, "outcome");
    const bool cluster = string_at(story, "outbound.kind") == "cluster";
    if (way == "endpoint" || (way == "reject" && cluster)) {
        explanation["outcome"] = outcome == "no-endpoints" ? "reject" : outcome;
        auto summary = string_at(explanation, "summary");
        explanation["summary"] = cluster                 ? text
                                 : outcome == "endpoint" ? summary + "; the mesh: " + text
                                                         : text + " (" + summary + ")";
    }
    explanation["mesh"] = std::move(story);
}

} // namespace labctl::explain
