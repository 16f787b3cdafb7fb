#include "labctl/explain/edge_way.h"

#include <algorithm>

#include "labctl/explain/url.h"
#include "netemu/base/address.h"
#include "netemu/base/error.h"

namespace labctl::explain {

namespace {

using api::at;
using api::Json;
using api::string_at;

constexpr std::size_t kEdgeConnectionsMax = 64;
constexpr int kGatewayTimeout = 504; // RFC 9110, section 15.6.5

class EdgeWay {
public:
    EdgeWay(Json& answer, const ExplainQuestion& question, const ConnectionExplainer& explain)
        : answer_(answer), question_(question), explain_(explain),
          edge_(at(answer, answer.contains("gateway") ? "gateway" : "controller")) {}

    void tell() {
        if (tell_arrival()) {
            return;
        }
        if (answer_.contains("gateway")) {
            for (auto& backend : answer_["backends"]) {
                tell_backend(backend);
            }
        } else {
            tell_backend(answer_);
        }
        if (denied_ > 0) {
            answer_["denial"] = denial_;
        }
        if (denied_ > 0 && denied_ == all_ && string_at(answer_, "outcome") == "endpoint") {
            answer_["outcome"] = "denied";
            answer_["status"] = kGatewayTimeout;
        }
    }

private:
    [[nodiscard]] Json explained(const std::string& from, const std::string& to) const {
        try {
            auto asked = question_;
            asked.from = from;
            asked.to = to;
            return explain_(asked);
        } catch (const netemu::UsageError&) {
            return {}; // whoever is not there is told of elsewhere
        }
    }

    /// Where the URL's host leads: the address that it names, or the first.
    [[nodiscard]] std::string arrival_target() const {
        const auto asked = read_asked_url(question_.to);
        auto connection = asked.connection();
        if (netemu::IpAddress::parse(asked.host())) {
            return connection;
        }
        const auto& addresses = at(edge_, "addresses");
        const auto address = addresses.empty()
                                 ? std::nullopt
                                 : netemu::IpAddress::parse(addresses.front().get<std::string>());
        const auto port = connection.substr(connection.rfind(':'));
        return !address           ? std::string()
               : address->is_v4() ? address->to_string() + port
                                  : "[" + address->to_string() + "]" + port;
    }

    /// True where nobody arrives.
    bool tell_arrival() {
        const auto target = arrival_target();
        const auto way = target.empty() ? Json() : explained(question_.from, target);
        if (!way.is_object()) {
            return false;
        }
        const auto outcome = string_at(way, "outcome");
        answer_["arrival"] = {{"outcome", outcome}, {"summary", string_at(way, "summary")}};
        if (outcome != "denied") {
            return false;
        }
        answer_["outcome"] = outcome;
        answer_["status"] = 0;
        answer_["denial"] = string_at(way, "summary");
        return true;
    }

    /// From each pod of the controller to each endpoint.
    void tell_backend(Json& backend) {
        std::size_t denied = 0;
        std::size_t all = 0;
        for (auto& endpoint : backend["endpoints"]) {
            for (const auto& pod : at(edge_, "pods")) {
                if (all_ + all == kEdgeConnectionsMax) {
                    break;
                }
                const auto way = explained(string_at(pod, "pod"), string_at(endpoint, "address"));
                const auto& branches = at(way, "branches");
                const auto& policy = branches.empty() ? Json() : at(branches.front(), "policy");
                if (!policy.is_object()) {
                    continue;
                }
                ++all;
                const bool allowed = api::bool_at(policy, "allowed", true);
                if (!endpoint.contains("policy") || !allowed) {
                    endpoint["policy"] = {
                        {"allowed", allowed}, {"text", string_at(policy, "text")}};
                }
                denied += allowed ? 0 : 1;
                if (!allowed && denial_.empty()) {
                    denial_ = string_at(pod, "pod") + " to " + string_at(endpoint, "address") +
                              ": denied, " + string_at(policy, "text");
                }
            }
        }
        denied_ += denied;
        all_ += all;
        if (denied > 0 && denied == all && backend.contains("share")) {
            backend["status"] = kGatewayTimeout;
            backend["problem"] = denial_;
        }
    }

    Json& answer_;
    const ExplainQuestion& question_;
    const ConnectionExplainer& explain_;
    const Json edge_; // a copy: the answer changes
    std::size_t denied_ = 0;
    std::size_t all_ = 0;
    std::string denial_; // the first
};

} // namespace

void explain_edge_way(
    Json& answer, const ExplainQuestion& question, const ConnectionExplainer& explain) {
    EdgeWay(answer, question, explain).tell();
}

} // namespace labctl::explain
