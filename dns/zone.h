#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "dns/name.h"
#include "dns/query.h"
#include "dns/records.h"
#include "dns/service_table.h"
#include "netemu/base/address.h"

namespace dns {

/// What a pod's own name (a-b-c-d.ns.pod.zone) is worth (coredns plugin/kubernetes `pods`).
enum class PodMode : std::uint8_t {
    Disabled, // no such names
    Insecure, // any address in a namespace that exists
    Verified, // only addresses of pods in that namespace
};

struct ZoneOptions {
    Name domain = Name::parse("cluster.local").value();
    /// Reverse zones served besides, for example in-addr.arpa and ip6.arpa.
    std::vector<Name> reverse;
    PodMode pods = PodMode::Disabled;
    std::uint32_t ttl_s = 5; // coredns' default; kubeadm configures 30
    /// Only these namespaces have records; empty: all.
    std::vector<std::string> namespaces;
    /// Names in these zones that do not exist are somebody else's question.
    std::vector<Name> fallthrough;
    /// `ignore empty_service`: a ClusterIP Service without ready endpoints does not exist.
    bool ignore_empty_service = false;
    /// Address records start anywhere in the set (plugin loadbalance).
    bool shuffle = true;
    /// Behind ns.dns.ZONE: the addresses of the DNS Service.
    std::vector<netemu::IpAddress> dns_addresses;
    /// "NAMESPACE/NAME" of the DNS Service; if it exists, NS points at it instead.
    std::string dns_service;
};

/// The records of a cluster: dns-spec 1.1.0 and what coredns' plugin kubernetes adds. A change of
/// one Service makes that Service's records anew and swaps them in whole; nothing else is touched.
/// Belongs to one thread, the one that answers: so no answer ever mixes two versions.
class ClusterZone {
public:
    explicit ClusterZone(ZoneOptions options);

    // --- changes. Names as in Kubernetes; case does not matter.

    void add_namespace(std::string_view name);
    void remove_namespace(std::string_view name);
    /// Adds or replaces. A Service whose name is no DNS name has no records.
    void set_service(const ServiceValue& service);
    void remove_service(std::string_view ns, std::string_view name);
    /// For `pods verified` and autopath.
    void add_pod(const netemu::IpAddress& address, std::string_view ns);
    void remove_pod(const netemu::IpAddress& address, std::string_view ns);
    /// Until then a name that is not there is SERVFAIL, not NXDOMAIN: nobody shall remember it.
    void set_synced(bool synced) { synced_ = synced; }

    // --- look-ups

    /// A domain that this zone answers for.
    struct Origin {
        Name name; // lower case
        std::size_t labels = 0;
        bool reverse = false;
    };
    /// The origin with the most labels that `query` is in; null if none.
    [[nodiscard]] const Origin* origin_of(const QueryView& query) const;
    /// Fetches from memory what answers to these packets will look at (Handler::expect).
    void expect(std::span<const Bytes> packets) const;
    /// `key` is the wire form of "service.namespace" without the root, lower case.
    [[nodiscard]] const ServiceRecords* service(std::string_view key) const;
    [[nodiscard]] bool has_namespace(std::string_view lower_name) const;
    [[nodiscard]] bool has_pod(const netemu::IpAddress& address, std::string_view ns) const;
    /// Of the pod with this address; empty if there is none.
    [[nodiscard]] std::string_view namespace_of(const netemu::IpAddress& address) const;
    /// Calls `visit(const ServiceRecords&)` for each Service that has the address, as ClusterIP or
    /// endpoint.
    template <typename Visit>
    void services_with(const netemu::IpAddress& address, Visit visit) const {
        const auto [first, last] = reverse_.equal_range(address);
        for (auto it = first; it != last; ++it) {
            visit(*it->second);
        }
    }
    [[nodiscard]] bool falls_through(const QueryView& query) const;

    [[nodiscard]] const ZoneOptions& options() const { return options_; }
    [[nodiscard]] bool synced() const { return synced_; }
    /// Seconds since 1970 of the last change.
    [[nodiscard]] std::uint32_t serial() const { return serial_; }
    [[nodiscard]] std::size_t services() const { return services_.size(); }
    /// Of the DNS Service, null if it is not there.
    [[nodiscard]] const ServiceRecords* dns_service() const;

private:
    struct TextHash {
        using is_transparent = void; // NOLINT: the name that the library looks for
        std::size_t operator()(std::string_view key) const { return hash_key(key); }
    };
    struct AddressHash {
        std::size_t operator()(const netemu::IpAddress& address) const noexcept;
    };

    void touch();
    [[nodiscard]] bool exposed(std::string_view ns) const;
    /// Makes `services_with` find these records by the addresses `now` instead of `before`; both
    /// are sorted.
    void index_addresses(
        const ServiceRecords& records,
        const std::vector<netemu::IpAddress>& before,
        const std::vector<netemu::IpAddress>& now);

    ZoneOptions options_;
    std::vector<Origin> origins_;
    ServiceTable services_;
    std::unordered_multimap<netemu::IpAddress, const ServiceRecords*, AddressHash> reverse_;
    std::unordered_set<std::string, TextHash, std::equal_to<>> namespaces_;
    std::unordered_multimap<netemu::IpAddress, std::string, AddressHash> pods_;
    std::string dns_service_key_;
    bool synced_ = true;
    std::uint32_t serial_ = 0;
};

} // namespace dns
