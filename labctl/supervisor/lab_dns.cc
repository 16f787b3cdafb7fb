#include <fstream>
#include <iterator>

#include "labctl/compile/address_plan.h"
#include "labctl/compile/dns_upstream.h"
#include "labctl/compile/network.h"
#include "labctl/compile/policies.h"
#include "labctl/explain/connection.h"
#include "labctl/supervisor/dns_explain.h"
#include "labctl/supervisor/lab.h"

namespace labctl::supervisor {

namespace {

dataplane::DnsFault dns_fault(compile::DnsUpstreamConfig::Fault fault) {
    using Fault = compile::DnsUpstreamConfig::Fault;
    switch (fault) {
    case Fault::ServFail:
        return dataplane::DnsFault::ServFail;
    case Fault::Refused:
        return dataplane::DnsFault::Refused;
    case Fault::Timeout:
        return dataplane::DnsFault::Silence;
    }
    return dataplane::DnsFault::None;
}

std::vector<netemu::Endpoint> host_nameservers() {
    std::ifstream file("/etc/resolv.conf");
    return compile::nameservers_of({std::istreambuf_iterator<char>(file), {}});
}

} // namespace

/// What names have become.
void Lab::update_dns() {
    const auto changes = dns_->update();
    runtime_->set_dns_ports(dns_->http_ports());
    if (!changes.empty()) {
        dataplane_->change_dns(changes);
    }
    if (const auto& problem = dns_->problem()) {
        cluster_->warn("coredns", *problem->config_map, "InvalidCorefile", problem->text);
    }
}

/// The server that the nodes' resolv.conf names, with the hosts of Ingresses; served anew when
/// these have changed. It is no pod: it answers on the external host, as
/// a router's or a company's resolver does.
void Lab::serve_dns_upstream() {
    if (compile::external_addresses(cluster_->config()).empty()) {
        return; // a lab without nodes needs no outside
    }
    dataplane::WorkloadSpec spec;
    spec.ns_name = compile::kExternalNamespace;
    spec.pod = compile::kExternalNamespace;
    for (const auto protocol : {dataplane::Protocol::Udp, dataplane::Protocol::Tcp}) {
        spec.ports.push_back({dataplane::kDnsServerPort, protocol, "dns"});
    }
    const auto lab = store_.get({"Lab", "", cluster_->config().name});
    const auto upstream =
        compile::read_dns_upstream(lab ? api::at(lab->body, "spec.dns.upstream") : api::Json());
    auto& serving = spec.dns.emplace();
    serving.role = dataplane::DnsServing::Role::Upstream;
    serving.zone = upstream.zone + compile::ingress_records(store_, upstream.zone);
    if (serving.zone == upstream_zone_) {
        return; // it is served already
    }
    upstream_zone_ = serving.zone;
    if (upstream.asks_host) {
        serving.nameservers = host_nameservers();
        serving.asks_from = kHostNetwork;
    }
    for (const auto& [name, fault] : upstream.faults) {
        serving.faults.emplace_back(name, dns_fault(fault));
    }
    dataplane_->serve(spec);
}

void Lab::explain_dns(const api::Json& question, const std::function<void(api::Json)>& done) {
    const DnsExplainer explainer{store_, cluster_->config(), *dataplane_, *dns_watchers_};
    explainer.explain(
        question.value("from", ""),
        question.value("to", ""),
        question.value("namespace", "default"),
        [this, done](api::Json answer) {
            blame_policies(answer);
            done(std::move(answer));
        });
}

/// A question that nobody answers may have been dropped on its way to the servers.
void Lab::blame_policies(api::Json& answer) {
    if (api::string_at(answer, "outcome") != "failed" || !policies_->enforced()) {
        return;
    }
    const auto network = explained_network();
    for (const auto& server : api::at(answer, "from.resolvConf.nameservers")) {
        const auto text = server.get<std::string>();
        const auto address = netemu::IpAddress::parse(text);
        const auto endpoint =
            address ? netemu::Endpoint{*address, dataplane::kDnsPort}.to_string() : text;
        const auto way = explain_connection(
            {api::string_at(answer, "from.name"), "udp://" + endpoint},
            network,
            affinity_readers({}));
        if (api::string_at(way, "outcome") == "denied") {
            answer["denial"] = api::string_at(way, "summary");
            answer["summary"] = api::string_at(answer, "summary") + "; to " + endpoint + ": " +
                                api::string_at(way, "summary");
            return;
        }
    }
}

int Lab::watch_dns(std::function<void(api::Json event)> callback) {
    return dns_watchers_->add(
        [this, callback = std::move(callback)](const dataplane::DnsEvent& event) {
            callback(dns_event_json(store_, cluster_->config(), event));
        });
}

} // namespace labctl::supervisor
