#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "netemu/model/nft_change.h"

namespace services {

/// A table that is made of parts with names, and the small changes that lead from one state of it
/// to the next. No kernel.
class NftPartTable {
public:
    /// `frame` has the table's own chains and sets, and no parts.
    explicit NftPartTable(netemu::NftTable frame) : table_(std::move(frame)) {}

    /// The table as wanted. A copy shares the parts.
    [[nodiscard]] const netemu::NftTable& table() const { return table_; }

    /// Puts a part in, or in place of the one of that name.
    void put(const std::string& name, netemu::NftPartPtr part);
    void take_out(const std::string& name);

    /// What has changed since the last call, in this order; nearly always one change, and none if
    /// nothing differs. Costs what the parts hold that differ. Chains that are no longer there are
    /// flushed and stay, empty, until `sweep`: kernels before 6.2 notice late that nothing refers
    /// to a chain any more (kube-proxy proxier.go; reference 10.2).
    [[nodiscard]] std::vector<netemu::NftChange> commit();

    [[nodiscard]] bool has_stale() const { return !stale_.empty(); }
    /// Deletes those chains; at least a second later.
    [[nodiscard]] std::vector<netemu::NftChange> sweep();

private:
    using Parts = std::vector<netemu::NftPartPtr>;

    void note(const std::string& name, const netemu::NftPartPtr& before);
    void note_stale(const Parts& before, const Parts& after);
    void renew_stale_part();
    [[nodiscard]] std::vector<netemu::NftChange> take_changes();

    netemu::NftTable table_;
    std::map<std::string, std::size_t> places_;        // in table_.parts
    std::vector<std::string> names_;                   // by place
    std::map<std::string, netemu::NftPartPtr> before_; // as it was; nullptr: not there
    std::set<std::string> stale_;
};

} // namespace services
