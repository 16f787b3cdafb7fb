#include "dns/zone.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <optional>

#include "dns/limits.h"
#include "netemu/base/text.h"

namespace dns {
namespace {

/// Wire form of "name.ns" without the root; empty when that is no name.
std::string service_key(std::string_view ns, std::string_view name) {
    const auto own = Name::parse(netemu::to_lower(std::string(name) + "." + std::string(ns)));
    return own ? own->wire().substr(0, own->wire().size() - 1) : std::string{};
}

/// hash_key of the first two labels of a packet's question; none if it has none.
std::optional<std::uint64_t> hash_of_service(Bytes packet) {
    constexpr std::size_t kBytesMax = 2 * (limits::kLabelBytesMax + 1);
    std::array<char, kBytesMax> key; // NOLINT: `size` of them are set
    std::size_t size = 0;
    for (int label = 0; label < 2; ++label) {
        const auto at = limits::kHeaderBytes + size;
        const std::size_t length = at < packet.size() ? packet[at] : 0;
        if (length == 0 || length > limits::kLabelBytesMax || at + length >= packet.size()) {
            return std::nullopt;
        }
        for (const auto byte : packet.subspan(at, length + 1)) {
            key[size++] = static_cast<char>(lower_byte(byte)); // NOLINT: two labels fit
        }
    }
    return hash_key({key.data(), size});
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

std::size_t ClusterZone::AddressHash::operator()(const netemu::IpAddress& address) const noexcept {
    return hash_key({reinterpret_cast<const char*>(address.bytes()), address.size()}); // NOLINT
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
    const auto* known = services_.find(records->key());
    const auto before = addresses_of(known);
    const auto& now = services_.put(std::move(records));
    index_addresses(now, before, addresses_of(&now));
    touch();
}

void ClusterZone::remove_service(std::string_view ns, std::string_view name) {
    const auto key = service_key(ns, name);
    if (const auto* found = services_.find(key); found != nullptr) {
        index_addresses(*found, addresses_of(found), {});
        services_.erase(key);
        touch();
    }
}

void ClusterZone::index_addresses(
    const ServiceRecords& records,
    const std::vector<netemu::IpAddress>& before,
    const std::vector<netemu::IpAddress>& now) {
    std::vector<netemu::IpAddress> changed;
    std::set_difference(
        before.begin(), before.end(), now.begin(), now.end(), std::back_inserter(changed));
    for (const auto& address : changed) {
        const auto [first, last] = reverse_.equal_range(address);
        const auto entry =
            std::find_if(first, last, [&](const auto& known) { return known.second == &records; });
        if (entry != last) {
            reverse_.erase(entry);
        }
    }
    changed.clear();
    std::set_difference(
        now.begin(), now.end(), before.begin(), before.end(), std::back_inserter(changed));
    for (const auto& address : changed) {
        reverse_.emplace(address, &records);
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

void ClusterZone::expect(std::span<const Bytes> packets) const {
    std::array<std::uint64_t, limits::kUdpBatch> hashes; // NOLINT: `count` of them are set
    std::size_t count = 0;
    for (const auto& packet : packets.first(std::min(packets.size(), hashes.size()))) {
        if (const auto hash = hash_of_service(packet)) {
            hashes[count++] = *hash; // NOLINT: as many as there are packets at most
        }
    }
    services_.prefetch(std::span(hashes).first(count));
}

const ServiceRecords* ClusterZone::service(std::string_view key) const {
    return services_.find(key);
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
