#include "dns/zone.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <iterator>

#include "netemu/base/text.h"

namespace dns {
namespace {

constexpr std::uint64_t kMixer = 0x9e3779b97f4a7c15ULL;

std::uint64_t mix(std::uint64_t hash, std::uint64_t word) {
    hash = (hash ^ word) * kMixer;
    return hash ^ (hash >> 32U);
}

/// Wire form of "name.ns" without the root; empty when that is no name.
std::string service_key(std::string_view ns, std::string_view name) {
    const auto own = Name::parse(netemu::to_lower(std::string(name) + "." + std::string(ns)));
    return own ? own->wire().substr(0, own->wire().size() - 1) : std::string{};
}

std::vector<netemu::IpAddress> addresses_of(const ServiceRecords* records) {
    std::vector<netemu::IpAddress> addresses;
    if (records != nullptr) {
        addresses = records->cluster_ips;
        for (const auto& endpoint : records->endpoints) {
            addresses.push_back(endpoint.address);
        }
    }
    std::sort(addresses.begin(), addresses.end());
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
    return addresses;
}

} // namespace

std::size_t ClusterZone::KeyHash::operator()(std::string_view key) const {
    std::uint64_t hash = key.size();
    while (key.size() >= sizeof(std::uint64_t)) {
        std::uint64_t word = 0;
        std::memcpy(&word, key.data(), sizeof word);
        hash = mix(hash, word);
        key.remove_prefix(sizeof word);
    }
    std::uint64_t rest = 0;
    std::memcpy(&rest, key.data(), key.size());
    return static_cast<std::size_t>(mix(hash, rest));
}

std::size_t ClusterZone::AddressHash::operator()(const netemu::IpAddress& address) const noexcept {
    std::uint64_t words[2];
    std::memcpy(words, address.bytes(), sizeof words);
    return static_cast<std::size_t>(mix(mix(address.is_v4() ? 4 : 6, words[0]), words[1]));
}

ClusterZone::ClusterZone(ZoneOptions options) : options_(std::move(options)) {
    options_.domain = options_.domain.lower();
    const auto add = [this](const Name& name, bool reverse) {
        origins_.push_back({name.lower(), name.labels().size(), reverse});
    };
    add(options_.domain, false);
    for (const auto& name : options_.reverse) {
        add(name, true);
    }
    std::stable_sort(origins_.begin(), origins_.end(), [](const auto& a, const auto& b) {
        return a.labels > b.labels;
    });
    const auto slash = options_.dns_service.find('/');
    if (slash != std::string::npos) {
        dns_service_key_ = service_key(
            options_.dns_service.substr(0, slash), options_.dns_service.substr(slash + 1));
    }
    touch();
}

void ClusterZone::touch() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    serial_ =
        static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
}

bool ClusterZone::exposed(std::string_view ns) const {
    const auto& list = options_.namespaces;
    return list.empty() || std::any_of(list.begin(), list.end(), [ns](const auto& name) {
               return netemu::to_lower(name) == ns;
           });
}

void ClusterZone::add_namespace(std::string_view name) {
    auto lower = netemu::to_lower(name);
    if (exposed(lower)) {
        namespaces_.insert(std::move(lower));
        touch();
    }
}

void ClusterZone::remove_namespace(std::string_view name) {
    namespaces_.erase(netemu::to_lower(name));
    touch();
}

void ClusterZone::set_service(const ServiceValue& service) {
    auto records = exposed(netemu::to_lower(service.ns))
                       ? make_service_records(service, options_.domain, options_.ttl_s)
                       : nullptr;
    if (!records) {
        remove_service(service.ns, service.name);
        return;
    }
    auto node = slots_.extract(records->key());
    if (node.empty()) {
        auto slot = std::make_unique<Slot>();
        index_addresses(*slot, nullptr, records.get());
        slot->records = std::move(records);
        const auto key = slot->records->key();
        slots_.emplace(key, std::move(slot));
    } else {
        auto& slot = *node.mapped();
        index_addresses(slot, slot.records.get(), records.get());
        slot.records = std::move(records);
        node.key() = slot.records->key();
        slots_.insert(std::move(node));
    }
    touch();
}

void ClusterZone::remove_service(std::string_view ns, std::string_view name) {
    const auto found = slots_.find(service_key(ns, name));
    if (found != slots_.end()) {
        index_addresses(*found->second, found->second->records.get(), nullptr);
        slots_.erase(found);
        touch();
    }
}

void ClusterZone::index_addresses(
    Slot& slot, const ServiceRecords* before, const ServiceRecords* now) {
    const auto old_ones = addresses_of(before);
    const auto new_ones = addresses_of(now);
    std::vector<netemu::IpAddress> changed;
    std::set_difference(
        old_ones.begin(),
        old_ones.end(),
        new_ones.begin(),
        new_ones.end(),
        std::back_inserter(changed));
    for (const auto& address : changed) {
        const auto [first, last] = reverse_.equal_range(address);
        const auto entry =
            std::find_if(first, last, [&slot](const auto& known) { return known.second == &slot; });
        if (entry != last) {
            reverse_.erase(entry);
        }
    }
    changed.clear();
    std::set_difference(
        new_ones.begin(),
        new_ones.end(),
        old_ones.begin(),
        old_ones.end(),
        std::back_inserter(changed));
    for (const auto& address : changed) {
        reverse_.emplace(address, &slot);
    }
}

void ClusterZone::add_pod(const netemu::IpAddress& address, std::string_view ns) {
    auto lower = netemu::to_lower(ns);
    if (exposed(lower) && !has_pod(address, lower)) {
        pods_.emplace(address, std::move(lower));
    }
}

void ClusterZone::remove_pod(const netemu::IpAddress& address, std::string_view ns) {
    const auto lower = netemu::to_lower(ns);
    const auto [first, last] = pods_.equal_range(address);
    const auto entry =
        std::find_if(first, last, [&lower](const auto& pod) { return pod.second == lower; });
    if (entry != last) {
        pods_.erase(entry);
    }
}

const ClusterZone::Origin* ClusterZone::origin_of(const QueryView& query) const {
    for (const auto& origin : origins_) {
        if (query.labels >= origin.labels &&
            query.name_from(query.labels - origin.labels) == origin.name.wire()) {
            return &origin;
        }
    }
    return nullptr;
}

const ServiceRecords* ClusterZone::service(std::string_view key) const {
    const auto found = slots_.find(key);
    return found == slots_.end() ? nullptr : found->second->records.get();
}

bool ClusterZone::has_namespace(std::string_view lower_name) const {
    return namespaces_.find(lower_name) != namespaces_.end();
}

bool ClusterZone::has_pod(const netemu::IpAddress& address, std::string_view ns) const {
    const auto [first, last] = pods_.equal_range(address);
    return std::any_of(first, last, [ns](const auto& pod) { return pod.second == ns; });
}

std::string_view ClusterZone::namespace_of(const netemu::IpAddress& address) const {
    const auto found = pods_.find(address);
    return found == pods_.end() ? std::string_view{} : std::string_view(found->second);
}

bool ClusterZone::falls_through(const QueryView& query) const {
    const auto& zones = options_.fallthrough;
    return !zones.empty() && std::any_of(zones.begin(), zones.end(), [&query](const Name& zone) {
        return query.name().is_within(zone);
    });
}

const ServiceRecords* ClusterZone::dns_service() const {
    return dns_service_key_.empty() ? nullptr : service(dns_service_key_);
}

} // namespace dns
