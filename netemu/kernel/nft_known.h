#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "netemu/model/observed.h"

namespace netemu {

/// What we know of the nftables of one namespace: what is in our tables after our last operation,
/// and the kernel's generation at which that was so. The kernel counts every transaction in a
/// namespace, whoever makes it; packets that add elements do not count. As long as its generation
/// is what we expect, nobody else has touched anything, and nothing has to be read back.
class KnownTables {
public:
    /// Before transactions of ours: the generation that the kernel has.
    void note_generation(std::uint32_t generation);
    /// A transaction of ours was carried out.
    void count_transaction() noexcept { ++generation_; }

    void replaced(NftFamily family, const std::string& name, NftIdentity identity);
    void changed(NftFamily family, const std::string& name, const NftIdentity& identity);
    void deleted(NftFamily family, const std::string& name);
    /// A change may have been carried out in part: the table has no digest until it is replaced.
    void doubted(NftFamily family, const std::string& name);

    /// What is there, if nothing was touched since; nullptr when it has to be read.
    [[nodiscard]] const std::vector<NftTableInfo>* at(std::uint32_t generation) const;
    /// Takes what was read at `generation`: digests are those of the tables' comments, which say
    /// which tables are still those that we made. Returns the infos with the digests of today.
    const std::vector<NftTableInfo>&
    observed(std::uint32_t generation, std::vector<NftTableInfo> found);

private:
    struct Made {
        NftFamily family;
        std::string name;
        std::string comment; // the digest in the kernel's comment: of the last replacement
        NftIdentity identity;
        bool doubted = false;
    };
    Made* find(NftFamily family, const std::string& name);
    NftTableInfo& info_of(NftFamily family, const std::string& name);

    std::vector<Made> made_;
    std::vector<NftTableInfo> infos_;
    std::uint32_t generation_ = 0;
    bool current_ = false; // infos_ are those of generation_
    bool started_ = false;
};

} // namespace netemu
