#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/store/store.h"
#include "services/identity_network.h"

/// Identities: a number for each set of labels, as Cilium has them (docs.cilium.io, "Terminology":
/// identity). They are objects of the kind CiliumIdentity, named by their number, so the journal
/// keeps them: a set of labels has its number for as long as the lab exists, whether a pod has it
/// at the moment or not.
namespace labctl::compile {

struct ClusterConfig;
class Policies;

/// Follows the pods and namespaces of a store. There are none under a profile without identities.
/// Belongs to the thread of the store.
class Identities {
public:
    /// `store` and `config` outlive this.
    Identities(store::Store& store, const ClusterConfig& config);
    Identities(const Identities&) = delete;
    Identities& operator=(const Identities&) = delete;
    ~Identities();

    /// Gives a number to each set of labels that is new: the lowest that was never given, in the
    /// order of their texts; when there are no more, one that no pod has.
    void update();

    /// 0 for a pod that is not there or uses its node's network (its identity is the node's).
    [[nodiscard]] std::uint32_t of_pod(const std::string& ns, const std::string& pod) const;

    /// Whether the network may be another one than when this was last asked, by a change of
    /// policies too.
    [[nodiscard]] bool take_changed() { return std::exchange(changed_, false); }
    /// Empty without identities. Who is where, and who may begin a connection to whom, by the
    /// policies that are enforced.
    [[nodiscard]] services::IdentityNetwork network(Policies& policies) const;

    /// For `get identities`: [{"id", "name", "labels": [...], "pods": [...], "reserved"}, ...],
    /// sorted; the reserved ones first, and empty without identities.
    [[nodiscard]] api::Json list() const;

private:
    using PodKey = std::pair<std::string, std::string>;
    struct Pod {
        std::uint32_t identity = 0;
        std::string fingerprint; // of what else the network depends on
    };

    void on_event(const store::Event& event);
    void load();
    void note_pod(const PodKey& key, std::set<std::string>& fresh);
    void give_numbers(const std::set<std::string>& labels);
    [[nodiscard]] std::uint32_t free_number();
    [[nodiscard]] std::map<std::uint32_t, std::vector<PodKey>> members() const;

    store::Store& store_;
    const ClusterConfig& config_;
    bool enabled_;
    store::Store::WatchId watch_ = 0;
    std::map<std::string, std::uint32_t> numbers_; // by the labels, one in a line
    std::map<std::uint32_t, std::string> labels_;  // the other way around
    std::map<PodKey, Pod> pods_;
    std::map<PodKey, std::string> waiting_; // pods whose labels have no number yet
    std::set<PodKey> dirty_pods_;
    std::set<std::string> dirty_namespaces_;
    bool changed_ = true;
};

/// "host", "world", ... of a reserved identity; "" of any other.
[[nodiscard]] std::string reserved_identity(std::uint32_t number);

} // namespace labctl::compile
