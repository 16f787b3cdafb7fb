#include "labctl/supervisor/dns_explain.h"

#include <algorithm>
#include <memory>
#include <set>

#include "labctl/compile/dns_object.h"
#include "labctl/compile/network.h"
#include "labctl/compile/underlay_names.h"
#include "labctl/supervisor/probe_resolver.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::supervisor {

using api::at;
using api::Json;
using api::string_at;

namespace {

constexpr std::uint64_t kDnsExplainTimeoutMs = 30000;
constexpr std::size_t kDnsEventsMax = 4096;

/// One explanation under way.
struct DnsExplanation {
    Json answer;
    std::vector<dataplane::DnsEvent> events;
    std::vector<dataplane::DnsStep> steps;
    int watcher = 0;
};

/// The event of the server's that answered a query.
const dataplane::DnsEvent*
event_of(const std::vector<dataplane::DnsEvent>& events, const dataplane::DnsStep& step) {
    const auto found = std::find_if(events.begin(), events.end(), [&](const auto& event) {
        return event.id == step.id && event.type == step.type && event.tcp == step.tcp &&
               netemu::to_lower(event.name) == netemu::to_lower(step.name);
    });
    return found == events.end() ? nullptr : &*found;
}

Json answers_json(const std::vector<probe::DnsAnswer>& answers) {
    Json list = Json::array();
    for (const auto& answer : answers) {
        list.push_back(
            {{"name", answer.name},
             {"type", answer.type},
             {"ttl", answer.ttl},
             {"data", answer.data}});
    }
    return list;
}

Json query_json(
    const store::Store& store,
    const std::string& domain,
    const dataplane::DnsStep& step,
    const dataplane::DnsEvent* event) {
    Json query{
        {"name", step.name},
        {"type", step.type},
        {"server", step.server},
        {"transport", step.tcp ? "tcp" : "udp"},
        {"rcode", step.rcode},
        {"rttMicros", step.rtt_us},
        {"answers", answers_json(step.answers)}};
    if (event != nullptr) {
        query["answeredBy"] = event->server;
        query["plugin"] = event->plugin;
        query["cached"] = event->plugin == "cache";
        query["serverMicros"] = event->duration_us;
        if (event->upstream.port != 0) {
            query["upstream"] = event->upstream.to_string();
        }
    }
    query.update(compile::dns_object(store, domain, step.name));
    if (event != nullptr && event->server == compile::kExternalNamespace) {
        query.erase("object"); // the upstream knows no object
        query["why"] = "the lab's upstream, which knows no names of the cluster";
    }
    return query;
}

std::string outcome_of(const probe::Sample& sample) {
    if (sample.outcome == probe::Outcome::Ok) {
        return sample.answers.empty() ? "no-data" : "found";
    }
    return sample.rcode == "NXDOMAIN" ? "nxdomain" : "failed";
}

std::string summary_of(
    const dataplane::Lookup& lookup,
    const std::vector<dataplane::DnsStep>& steps,
    const probe::Sample& sample) {
    std::set<std::string> names;
    for (const auto& step : steps) {
        names.insert(step.name);
    }
    const auto outcome = outcome_of(sample);
    auto text = std::to_string(steps.size()) + (steps.size() == 1 ? " query" : " queries") +
                " for " + std::to_string(names.size()) +
                (names.size() == 1 ? " name: " : " names: ");
    if (outcome == "found") {
        text += "found " + steps.back().name;
    } else if (outcome == "no-data") {
        text += "the name exists, without " + netemu::join(lookup.types, " or ") + " records";
    } else if (outcome == "nxdomain") {
        text += "there is no such name (NXDOMAIN)";
    } else {
        text += "no usable answer (" + sample.rcode + ")";
    }
    return text;
}

/// Why there were more names than one, and what to do about it (resolv.conf(5), ndots).
std::string hint_of(const dataplane::Lookup& lookup, const std::vector<dataplane::DnsStep>& steps) {
    const auto dots =
        static_cast<std::size_t>(std::count(lookup.name.begin(), lookup.name.end(), '.'));
    const auto ndots = lookup.conf.ndots();
    const bool last = !steps.empty() &&
                      netemu::to_lower(steps.back().name) == netemu::to_lower(lookup.name) + ".";
    if (lookup.name.ends_with('.') || lookup.conf.searches.empty() || dots >= ndots || !last) {
        return {};
    }
    return "the name has " + std::to_string(dots) + (dots == 1 ? " dot" : " dots") +
           " and ndots is " + std::to_string(ndots) +
           ", so the search list comes first; a final dot (dns://" + lookup.name +
           ".) asks for the name alone";
}

Json source_json(const store::Store& store, const dataplane::ResolvedRequest& resolved) {
    const auto& from = resolved.request.from;
    Json source{{"name", from}};
    if (const auto slash = from.find('/');
        slash != std::string::npos && !from.starts_with("node/")) {
        const auto pod = store.get({"Pod", from.substr(0, slash), from.substr(slash + 1)});
        if (pod) {
            source["address"] = string_at(pod->body, "status.podIP");
            source["node"] = string_at(pod->body, "spec.nodeName");
        }
    }
    const auto& conf = resolved.lookup->conf;
    source["resolvConf"] = {
        {"nameservers", Json::array()},
        {"searches", conf.searches},
        {"options", conf.options},
        {"ndots", conf.ndots()}};
    for (const auto& server : resolved.lookup->servers) {
        source["resolvConf"]["nameservers"].push_back(
            server.port == dataplane::kDnsPort ? server.address.to_string() : server.to_string());
    }
    return source;
}

/// "POD", "NS/POD", "node/NAME" or "external" as probes want it.
std::string full_source(const std::string& from, const std::string& ns) {
    const auto name = from.starts_with("pod/") ? from.substr(4) : from;
    return name == "external" || name.find('/') != std::string::npos ? name : ns + "/" + name;
}

} // namespace

std::string address_owner(
    const store::Store& store,
    const compile::ClusterConfig& config,
    const netemu::IpAddress& address) {
    const auto text = address.to_string();
    for (const auto& [known, name] : compile::underlay_names(config)) {
        if (known == address) {
            return name;
        }
    }
    for (const auto& node : store.list("Node")) {
        for (const auto& entry : at(node->body, "status.addresses")) {
            if (string_at(entry, "address") == text) {
                return "node/" + node->name();
            }
        }
    }
    for (const auto& pod : store.list("Pod")) {
        const auto& addresses = at(pod->body, "status.podIPs");
        const bool has = std::any_of(addresses.begin(), addresses.end(), [&](const Json& entry) {
            return string_at(entry, "ip") == text;
        });
        if (has && !api::bool_at(pod->body, "spec.hostNetwork", false)) {
            return pod->ns() + "/" + pod->name();
        }
    }
    return text;
}

api::Json dns_event_json(
    const store::Store& store,
    const compile::ClusterConfig& config,
    const dataplane::DnsEvent& event) {
    Json made{
        {"server", event.server},
        {"source", address_owner(store, config, event.client.address)},
        {"client", event.client.to_string()},
        {"id", event.id},
        {"name", event.name},
        {"type", event.type},
        {"transport", event.tcp ? "tcp" : "udp"},
        {"rcode", event.rcode},
        {"flags", event.flags},
        {"bytes", event.bytes},
        {"micros", event.duration_us},
        {"plugin", event.plugin}};
    if (event.upstream.port != 0) {
        made["upstream"] = event.upstream.to_string();
    }
    if (event.missed > 0) {
        made["missed"] = event.missed;
    }
    return made;
}

void DnsExplainer::explain(
    const std::string& from,
    const std::string& to,
    const std::string& ns,
    std::function<void(api::Json)> done) const {
    probe::Request request;
    request.id = "explain";
    request.from = full_source(from, ns);
    request.to = probe::Target::parse(to);
    request.timeout_ms = kDnsExplainTimeoutMs;
    auto resolved = ProbeResolver(store, config).resolve(request);
    if (resolved.decided) {
        throw netemu::UsageError(resolved.decided->error);
    }
    auto& lookup = *resolved.lookup;
    lookup.trace = true;
    if (to.find("type=") == std::string::npos && lookup.types == std::vector<std::string>{"A"}) {
        lookup.types = {"A", "AAAA"}; // as getaddrinfo(3) does
    }
    auto explanation = std::make_shared<DnsExplanation>();
    explanation->answer = {
        {"from", source_json(store, resolved)},
        {"to", {{"name", lookup.name}, {"types", lookup.types}, {"text", to}}}};
    explanation->watcher = watchers.add([explanation](const dataplane::DnsEvent& event) {
        if (explanation->events.size() < kDnsEventsMax) {
            explanation->events.push_back(event);
        }
    });
    resolved.on_steps = [explanation](std::vector<dataplane::DnsStep> steps) {
        explanation->steps = std::move(steps);
    };
    const auto finish = [self = *this, explanation, lookup, done](const probe::Sample& sample) {
        self.watchers.remove(explanation->watcher);
        auto& answer = explanation->answer;
        answer["queries"] = Json::array();
        for (const auto& step : explanation->steps) {
            answer["queries"].push_back(query_json(
                self.store, self.config.cluster_domain, step, event_of(explanation->events, step)));
        }
        answer["outcome"] = outcome_of(sample);
        answer["answers"] = answers_json(sample.answers);
        answer["summary"] = summary_of(lookup, explanation->steps, sample);
        if (const auto hint = hint_of(lookup, explanation->steps); !hint.empty()) {
            answer["hint"] = hint;
        }
        done(answer);
    };
    dataplane.probe({resolved}, false, [self = *this, finish](std::vector<probe::Result> results) {
        // Whatever the servers have told of comes before this answer.
        const auto upstream = std::string("/") + compile::kExternalNamespace;
        self.dataplane.logs(
            upstream, 1, [finish, sample = results.at(0).first](const std::vector<std::string>&) {
                finish(sample);
            });
    });
}

} // namespace labctl::supervisor
