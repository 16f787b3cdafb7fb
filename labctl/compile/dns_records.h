#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dns/changes.h"
#include "labctl/api/object.h"
#include "labctl/compile/slice_names.h"
#include "labctl/store/store.h"
#include "netemu/base/address.h"

/// What the cluster's DNS answers from: Services, their endpoints, namespaces, pods, the Corefile.
namespace labctl::compile {

/// Follows the store as coredns' plugin kubernetes follows the API server: what a change costs is
/// what the Service holds that it concerns. The Corefile is that of the ConfigMap
/// kube-system/coredns, and so are the files that it reads; one that cannot be read leaves the last
/// good one in force. Of a Corefile's `kubernetes`, `labels` and `namespace_labels` choose nothing
/// here. Pure but for the watch. Belongs to the thread of the store.
class DnsRecords {
public:
    /// `store` outlives this.
    explicit DnsRecords(store::Store& store);
    DnsRecords(const DnsRecords&) = delete;
    DnsRecords& operator=(const DnsRecords&) = delete;
    ~DnsRecords();

    /// What has changed since the last call; everything at the first.
    dns::ZoneChanges update();

    /// Where coredns answers over HTTP, as the Corefile in force has it: the ports of health, ready
    /// and prometheus, each once.
    [[nodiscard]] const std::vector<std::uint16_t>& http_ports() const { return http_ports_; }

    /// What is wrong with a Corefile, "Corefile:LINE: ...", and the ConfigMap that has it.
    struct Problem {
        api::ObjectPtr config_map;
        std::string text;
    };
    /// Of the last `update`, if it found a bad one.
    [[nodiscard]] const std::optional<Problem>& problem() const { return problem_; }

private:
    using Key = std::pair<std::string, std::string>; // namespace, name

    void on_event(const store::Event& event);
    void index_slice(const api::Object& slice, bool present);
    void read_corefile(dns::ZoneChanges& changes);
    void read_service(const Key& key, dns::ZoneChanges& changes);
    void read_pod(const Key& key, dns::ZoneChanges& changes);

    store::Store& store_;
    store::Store::WatchId watch_ = 0;
    SliceNames slices_;
    std::map<Key, std::vector<netemu::IpAddress>> pods_;
    std::set<Key> known_services_;
    std::set<std::string> known_namespaces_;
    std::set<Key> dirty_services_;
    std::set<Key> dirty_pods_;
    std::set<std::string> dirty_namespaces_;
    bool corefile_dirty_ = true;
    std::string corefile_;                     // in force
    std::map<std::string, std::string> files_; // that it reads
    bool name_by_pod_ = false;                 // `endpoint_pod_names` of it
    std::vector<std::uint16_t> http_ports_;
    std::optional<Problem> problem_; // of the last update
};

} // namespace labctl::compile
