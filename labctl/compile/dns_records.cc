#include "labctl/compile/dns_records.h"

#include <algorithm>

#include "dns/corefile.h"
#include "labctl/compile/bootstrap_dns.h"
#include "labctl/compile/dns_files.h"
#include "labctl/compile/service_index.h"
#include "labctl/compile/service_values.h"
#include "netemu/base/error.h"

namespace labctl::compile {

namespace {

dns::Protocol dns_protocol(services::Protocol protocol) {
    switch (protocol) {
    case services::Protocol::Tcp:
        return dns::Protocol::Tcp;
    case services::Protocol::Udp:
        return dns::Protocol::Udp;
    case services::Protocol::Sctp:
        return dns::Protocol::Sctp;
    }
    return dns::Protocol::Tcp;
}

dns::ServiceValue dns_service(const services::Service& service, const api::Json& body) {
    dns::ServiceValue value;
    value.ns = service.name_space;
    value.name = service.name;
    for (const auto& port : service.ports) {
        value.ports.push_back({port.name, port.port, dns_protocol(port.protocol)});
    }
    if (service.external_name) {
        value.kind = dns::ServiceKind::ExternalName;
        value.external_name = api::string_at(body, "spec.externalName");
    } else if (service.headless) {
        value.kind = dns::ServiceKind::Headless;
    } else {
        value.cluster_ips = service.cluster_ips;
    }
    return value;
}

dns::SliceValue dns_slice(const services::EndpointSlice& slice, bool name_by_pod) {
    dns::SliceValue value;
    for (const auto& port : slice.ports) {
        value.ports.push_back({port.name, port.port.value_or(0), dns_protocol(port.protocol)});
    }
    for (const auto& endpoint : slice.endpoints) {
        const bool by_pod = endpoint.hostname.empty() && name_by_pod;
        value.endpoints.push_back(
            {endpoint.address, by_pod ? endpoint.pod_name : endpoint.hostname, endpoint.ready});
    }
    return value;
}

/// A pod that has ended has given its addresses back.
std::vector<netemu::IpAddress> addresses_of_pod(const api::ObjectPtr& pod) {
    std::vector<netemu::IpAddress> addresses;
    const auto phase = pod ? api::string_at(pod->body, "status.phase") : "Failed";
    if (phase == "Succeeded" || phase == "Failed") {
        return addresses;
    }
    for (const auto& entry : api::at(pod->body, "status.podIPs")) {
        if (const auto address = netemu::IpAddress::parse(api::string_at(entry, "ip"))) {
            addresses.push_back(*address);
        }
    }
    return addresses;
}

bool names_by_pod(const dns::Corefile& corefile) {
    return std::any_of(
        corefile.servers.begin(), corefile.servers.end(), [](const dns::ServerBlock& block) {
            return block.kubernetes && block.kubernetes->endpoint_pod_names;
        });
}

/// A new template mounts other files, perhaps.
bool mounts_changed(const store::Event& event) {
    constexpr const char* kTemplate = "spec.template.spec";
    return !event.previous ||
           api::at(event.previous->body, kTemplate) != api::at(event.object->body, kTemplate);
}

std::vector<std::uint16_t> plugin_ports(const dns::Corefile& corefile) {
    std::set<std::uint16_t> ports;
    for (const auto& block : corefile.servers) {
        for (const auto* address : {&block.health, &block.ready, &block.prometheus}) {
            if (const auto port = dns::plugin_port(*address)) {
                ports.insert(*port);
            }
        }
    }
    return {ports.begin(), ports.end()};
}

} // namespace

DnsRecords::DnsRecords(store::Store& store) : store_(store) {
    for (const auto& slice : store_.list("EndpointSlice")) {
        index_slice(*slice, true);
    }
    for (const auto& key : store_.keys("Service")) {
        dirty_services_.insert({key.ns, key.name});
    }
    for (const auto& key : store_.keys("Pod")) {
        dirty_pods_.insert({key.ns, key.name});
    }
    for (const auto& key : store_.keys("Namespace")) {
        dirty_namespaces_.insert(key.name);
    }
    watch_ = store_.watch([this](const store::Event& event) { on_event(event); });
}

DnsRecords::~DnsRecords() {
    store_.unwatch(watch_);
}

void DnsRecords::on_event(const store::Event& event) {
    const auto& object = *event.object;
    const auto kind = object.kind();
    if (kind == "Service") {
        dirty_services_.insert({object.ns(), object.name()});
    } else if (kind == "EndpointSlice") {
        if (event.previous) {
            index_slice(*event.previous, false);
        }
        index_slice(object, event.type != store::EventType::Deleted);
    } else if (kind == "Pod") {
        dirty_pods_.insert({object.ns(), object.name()});
    } else if (kind == "Namespace") {
        dirty_namespaces_.insert(object.name());
    } else if (
        object.ns() == kDnsNamespace && object.name() == kDnsConfigMap && // both of one name
        (kind == "ConfigMap" || (kind == "Deployment" && mounts_changed(event)))) {
        corefile_dirty_ = true;
    }
}

void DnsRecords::index_slice(const api::Object& slice, bool present) {
    if (auto service = slices_.note(slice, present)) {
        dirty_services_.insert(std::move(*service));
    }
}

dns::ZoneChanges DnsRecords::update() {
    dns::ZoneChanges changes;
    problem_.reset();
    if (std::exchange(corefile_dirty_, false)) {
        read_corefile(changes);
    }
    for (const auto& name : std::exchange(dirty_namespaces_, {})) {
        if (!store_.get({"Namespace", "", name})) {
            if (known_namespaces_.erase(name) > 0) {
                changes.namespaces_gone.push_back(name);
            }
        } else if (known_namespaces_.insert(name).second) {
            changes.namespaces.push_back(name);
        }
    }
    for (const auto& key : std::exchange(dirty_services_, {})) {
        read_service(key, changes);
    }
    for (const auto& key : std::exchange(dirty_pods_, {})) {
        read_pod(key, changes);
    }
    return changes;
}

void DnsRecords::read_corefile(dns::ZoneChanges& changes) {
    const auto config_map = store_.get({"ConfigMap", kDnsNamespace, kDnsConfigMap});
    const auto text =
        config_map ? api::string_at(config_map->body, "data.Corefile") : std::string();
    if (text.empty()) {
        return; // what was mounted into running pods stays when the ConfigMap goes
    }
    try {
        const auto corefile = dns::parse_corefile(text);
        auto files = read_dns_files(store_, corefile, *config_map);
        if (!files.warning.empty()) {
            problem_ = Problem{config_map, files.warning};
        }
        if (text == corefile_ && files.texts == files_) {
            return;
        }
        const bool by_pod = names_by_pod(corefile);
        http_ports_ = plugin_ports(corefile);
        if (by_pod != std::exchange(name_by_pod_, by_pod)) {
            dirty_services_.insert(known_services_.begin(), known_services_.end());
        }
        corefile_ = text;
        files_ = std::move(files.texts);
        changes.corefile = text;
        changes.files = files_;
    } catch (const netemu::Error& error) {
        problem_ = Problem{config_map, error.what()};
    }
}

void DnsRecords::read_service(const Key& key, dns::ZoneChanges& changes) {
    const auto object = store_.get({"Service", key.first, key.second});
    if (!object) {
        if (known_services_.erase(key) > 0) {
            changes.services_gone.push_back(key);
        }
        return;
    }
    known_services_.insert(key);
    auto value = dns_service(service_value(object->body), object->body);
    for (const auto& name : slices_.of(key)) {
        const auto slice = store_.get({"EndpointSlice", key.first, name});
        if (const auto read = slice ? slice_value(slice->body) : std::nullopt) {
            value.slices.push_back(dns_slice(*read, name_by_pod_));
        }
    }
    changes.services.push_back(std::move(value));
}

void DnsRecords::read_pod(const Key& key, dns::ZoneChanges& changes) {
    auto now = addresses_of_pod(store_.get({"Pod", key.first, key.second}));
    const auto known = pods_.find(key);
    if (known != pods_.end() && known->second == now) {
        return;
    }
    if (known != pods_.end()) {
        for (const auto& address : known->second) {
            changes.pods_gone.emplace_back(address, key.first);
        }
        pods_.erase(known);
    }
    for (const auto& address : now) {
        changes.pods.emplace_back(address, key.first);
    }
    if (!now.empty()) {
        pods_.emplace(key, std::move(now));
    }
}

} // namespace labctl::compile
