#include "netemu/kernel/failure.h"

#include <algorithm>
#include <cerrno>
#include <string>

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "netemu/base/error.h"
#include "netemu/kernel/link_codec.h"

namespace netemu {

namespace {

bool means_missing(int error_number) {
    return error_number == EOPNOTSUPP || error_number == EPROTONOSUPPORT ||
           error_number == EAFNOSUPPORT;
}

constexpr unsigned nft_type(unsigned type) {
    return (NFNL_SUBSYS_NFTABLES << 8U) | type;
}

bool jumps(const NftStatement& statement) {
    const auto* verdict = std::get_if<NftSetVerdict>(&statement);
    return (verdict != nullptr && !verdict->chain.empty()) ||
           std::holds_alternative<NftRandomGoto>(statement);
}

/// Whether a rule may refer to a chain or set by its name.
bool refers(const NftTable& table) {
    if (!table.parts.empty() || !table.sets.empty()) {
        return true;
    }
    for (const NftChain& chain : table.chains) {
        for (const NftRule& rule : chain.rules) {
            if (std::any_of(rule.statements.begin(), rule.statements.end(), jumps)) {
                return true;
            }
        }
    }
    return false;
}

/// The feature that the kernel seems to lack, or empty.
struct MissingFeature {
    const NetlinkFailure& failure;

    std::string operator()(const CreateLink& operation) const {
        return means_missing(failure.error_number) ? std::string(kind_name(operation.link.kind))
                                                   : "";
    }
    std::string operator()(const ReplaceTable& operation) const {
        return nftables(refers(operation.table));
    }
    std::string operator()(const ChangeTable&) const { return nftables(true); }
    std::string operator()(const DeleteTable&) const {
        return means_missing(failure.error_number) ? "nftables" : "";
    }
    std::string operator()(const AddAddress& operation) const {
        return ipv6(operation.address.address);
    }
    std::string operator()(const AddRoute& operation) const {
        return ipv6(operation.route.destination.address);
    }
    std::string operator()(const AddVirtualServer& operation) const {
        return scheduler(operation.server);
    }
    std::string operator()(const ChangeVirtualServer& operation) const {
        return scheduler(operation.server);
    }
    template <class Other>
    std::string operator()(const Other&) const {
        return {};
    }

private:
    [[nodiscard]] std::string nftables(bool by_name) const {
        if (means_missing(failure.error_number)) {
            return "nftables";
        }
        if (failure.error_number != ENOENT) {
            return {};
        }
        if (failure.type == nft_type(NFT_MSG_NEWCHAIN)) {
            return "nftables chain type";
        }
        // A reference to a chain or set that is not there gives the same error.
        return failure.type == nft_type(NFT_MSG_NEWRULE) && !by_name ? "nftables expression" : "";
    }
    [[nodiscard]] std::string scheduler(const VirtualServer& server) const {
        return failure.error_number == ENOENT ? "IPVS scheduler ip_vs_" + server.scheduler : "";
    }
    [[nodiscard]] std::string ipv6(const IpAddress& address) const {
        return means_missing(failure.error_number) && address.is_v6() ? "IPv6" : "";
    }
};

} // namespace

void throw_failure(const Operation& operation, const NetlinkFailure& failure) {
    const std::string feature = std::visit(MissingFeature{failure}, operation);
    auto attempt = describe(operation);
    if (!failure.object.empty()) {
        attempt += ": " + failure.object;
    }
    if (feature.empty()) {
        throw SysError(attempt, failure.error_number, failure.text);
    }
    const std::string words =
        failure.text.empty() ? errno_text(failure.error_number) : failure.text;
    throw UnsupportedError(
        attempt + ": this kernel has no " + feature + " (kernel: " + words + ")",
        "`labctl doctor` lists what this kernel has and where to get the rest");
}

} // namespace netemu
