#include "labctl/compile/service_index.h"

#include <algorithm>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/cluster_state.h"

namespace labctl::compile {

namespace {

using netemu::IpAddress;
using store::EventType;

std::string label_key(const std::string& ns, const std::string& name, const std::string& value) {
    return ns + '\n' + name + '=' + value;
}

std::optional<ServiceKey> service_of_slice(const api::Json& slice) {
    const auto& labels = api::at(slice, "metadata.labels");
    const auto found = labels.is_object() ? labels.find(kServiceNameLabel) : labels.end();
    if (!labels.is_object() || found == labels.end() || !found->is_string()) {
        return std::nullopt;
    }
    return ServiceKey{api::string_at(slice, "metadata.namespace"), found->get<std::string>()};
}

void add_addresses(std::vector<IpAddress>& list, const api::Json& texts, const char* field) {
    for (const auto& entry : texts) {
        const auto text = field != nullptr    ? api::string_at(entry, field)
                          : entry.is_string() ? entry.get<std::string>()
                                              : std::string{};
        if (const auto address = IpAddress::parse(text)) {
            list.push_back(*address);
        }
    }
}

template <typename Ranges, typename Work>
void for_range_of(Ranges& ranges, const IpAddress& address, const Work& work) {
    for (auto& range : ranges) {
        if (range.contains(address)) {
            work(range);
        }
    }
}

bool matches_labels(const api::Labels& selector, const api::Labels& labels) {
    return std::all_of(selector.begin(), selector.end(), [&](const auto& pair) {
        const auto found = labels.find(pair.first);
        return found != labels.end() && found->second == pair.second;
    });
}

} // namespace

std::optional<api::Labels> selector_of(const api::Json& service) {
    auto selector = api::labels_at(service, "spec.selector");
    if (selector.empty() || api::string_at(service, "spec.type") == "ExternalName") {
        return std::nullopt;
    }
    return selector;
}

ServiceIndex::ServiceIndex(const ClusterConfig& config) {
    for (const auto& range : config.service_cidrs) {
        ranges_.cluster_ips.push_back(AddressRange::of_services(range));
    }
    for (const auto& [first, last] : config.load_balancer_pool) {
        ranges_.load_balancer.emplace_back(first, last, 0);
    }
}

const AddressRange* ServiceIndex::cluster_ips(netemu::Family family) const {
    const auto found = std::find_if(
        ranges_.cluster_ips.begin(), ranges_.cluster_ips.end(), [&](const AddressRange& range) {
            return range.first().family() == family;
        });
    return found == ranges_.cluster_ips.end() ? nullptr : &*found;
}

ServiceIndex::Holding ServiceIndex::holding_of(const api::Json& service) {
    Holding holding;
    add_addresses(holding.cluster_ips, api::at(service, "spec.clusterIPs"), nullptr);
    if (holding.cluster_ips.empty()) {
        if (const auto ip = IpAddress::parse(api::string_at(service, "spec.clusterIP"))) {
            holding.cluster_ips.push_back(*ip);
        }
    }
    add_addresses(holding.load_balancer, api::at(service, "status.loadBalancer.ingress"), "ip");
    std::set<std::int64_t> ports;
    for (const auto& port : api::at(service, "spec.ports")) {
        ports.insert(api::int_at(port, "nodePort", 0));
    }
    ports.insert(api::int_at(service, "spec.healthCheckNodePort", 0));
    ports.erase(0);
    holding.node_ports.assign(ports.begin(), ports.end());
    return holding;
}

void ServiceIndex::take(const ServiceOwner& owner, const Holding& holding) {
    for (const auto& address : holding.cluster_ips) {
        for_range_of(
            ranges_.cluster_ips, address, [&](auto& range) { range.take(address, owner); });
    }
    for (const auto& address : holding.load_balancer) {
        for_range_of(
            ranges_.load_balancer, address, [&](auto& range) { range.take(address, owner); });
    }
    for (const auto port : holding.node_ports) {
        ranges_.node_ports.take(port, owner);
    }
}

void ServiceIndex::release(const ServiceOwner& owner, const Holding& holding) {
    for (const auto& address : holding.cluster_ips) {
        for_range_of(
            ranges_.cluster_ips, address, [&](auto& range) { range.release(address, owner); });
    }
    for (const auto& address : holding.load_balancer) {
        for_range_of(
            ranges_.load_balancer, address, [&](auto& range) { range.release(address, owner); });
    }
    for (const auto port : holding.node_ports) {
        ranges_.node_ports.release(port, owner);
    }
}

void ServiceIndex::index_selector(
    const ServiceKey& key, Known& known, const std::optional<api::Labels>& selector) {
    if (!known.indexed_under.empty()) {
        const auto found = by_selector_.find(known.indexed_under);
        found->second.erase(key);
        if (found->second.empty()) {
            by_selector_.erase(found);
        }
        known.indexed_under.clear();
    }
    known.selector = selector.value_or(api::Labels{});
    std::size_t fewest = 0;
    for (const auto& [name, value] : known.selector) {
        auto pair = label_key(key.first, name, value);
        const auto found = by_selector_.find(pair);
        const auto count = found == by_selector_.end() ? 0 : found->second.size();
        if (known.indexed_under.empty() || count < fewest) {
            known.indexed_under = std::move(pair);
            fewest = count;
        }
    }
    if (!known.indexed_under.empty()) {
        by_selector_[known.indexed_under].insert(key);
    }
}

void ServiceIndex::on_service(const store::Event& event) {
    const ServiceKey key{event.object->ns(), event.object->name()};
    const auto owner = key.first + "/" + key.second;
    auto& known = services_[key];
    release(owner, known.holding);
    if (!own_write) {
        dirty.insert(key);
    }
    if (!known.holding.load_balancer.empty()) {
        dirty.insert(waiting.begin(), waiting.end());
    }
    if (event.type == EventType::Deleted) {
        waiting.erase(key);
        index_selector(key, known, std::nullopt);
        services_.erase(key);
        return;
    }
    known.holding = holding_of(event.object->body);
    take(owner, known.holding);
    if (!event.status_only) {
        index_selector(key, known, selector_of(event.object->body));
    }
}

void ServiceIndex::on_slice(const store::Event& event) {
    const auto note = [&](const api::ObjectPtr& slice, bool there) {
        const auto service = service_of_slice(slice->body);
        if (!service) {
            return;
        }
        if (there) {
            slices_[*service].insert(slice->name());
        } else if (const auto found = slices_.find(*service); found != slices_.end()) {
            found->second.erase(slice->name());
            if (found->second.empty()) {
                slices_.erase(found);
            }
        }
        const auto labels = slice->labels();
        const auto manager = labels.find(kManagedByLabel);
        const bool ours = manager != labels.end() && (manager->second == kSliceController ||
                                                      manager->second == kMirroringController);
        if (!own_write && ours) {
            dirty.insert(*service); // someone else has touched what a controller keeps
        }
    };
    if (event.previous) {
        note(event.previous, false);
    }
    note(event.object, event.type != EventType::Deleted);
}

void ServiceIndex::on_endpoints(const store::Event& event) {
    if (!own_write) {
        dirty.emplace(event.object->ns(), event.object->name());
    }
}

void ServiceIndex::mark_matching(const std::string& ns, const api::Labels& labels) {
    for (const auto& [name, value] : labels) {
        const auto found = by_selector_.find(label_key(ns, name, value));
        if (found == by_selector_.end()) {
            continue;
        }
        for (const auto& key : found->second) {
            if (matches_labels(services_.at(key).selector, labels)) {
                dirty.insert(key);
            }
        }
    }
}

void ServiceIndex::on_pod(
    const PodInfo& pod,
    const std::optional<api::Labels>& before,
    const std::optional<api::Labels>& after,
    bool changed) {
    const bool relabelled = before != after;
    if (before && relabelled) {
        for (const auto& [name, value] : *before) {
            const auto found = pods_by_label_.find(label_key(pod.ns, name, value));
            found->second.erase(&pod);
            if (found->second.empty()) {
                pods_by_label_.erase(found);
            }
        }
        mark_matching(pod.ns, *before);
    }
    if (after && relabelled) {
        for (const auto& [name, value] : *after) {
            pods_by_label_[label_key(pod.ns, name, value)].insert(&pod);
        }
    }
    if (after && (changed || relabelled)) {
        mark_matching(pod.ns, *after);
    }
}

void ServiceIndex::on_zones_changed() {
    for (const auto& [key, known] : services_) {
        if (!known.indexed_under.empty()) {
            dirty.insert(key);
        }
    }
}

std::vector<const PodInfo*>
ServiceIndex::pods_with(const std::string& ns, const api::Labels& selector) const {
    const std::unordered_set<const PodInfo*>* fewest = nullptr;
    for (const auto& [name, value] : selector) {
        const auto found = pods_by_label_.find(label_key(ns, name, value));
        if (found == pods_by_label_.end()) {
            return {};
        }
        if (fewest == nullptr || found->second.size() < fewest->size()) {
            fewest = &found->second;
        }
    }
    std::vector<const PodInfo*> result;
    if (fewest != nullptr) {
        std::copy_if(
            fewest->begin(), fewest->end(), std::back_inserter(result), [&](const PodInfo* pod) {
                return selector.size() == 1 || matches_labels(selector, pod->object->labels());
            });
    }
    std::sort(result.begin(), result.end(), [](const PodInfo* left, const PodInfo* right) {
        return left->seq < right->seq;
    });
    return result;
}

const std::set<std::string>& ServiceIndex::slices_of(const ServiceKey& service) const {
    static const std::set<std::string> kNone;
    const auto found = slices_.find(service);
    return found == slices_.end() ? kNone : found->second;
}

} // namespace labctl::compile
