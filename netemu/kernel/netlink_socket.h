#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "netemu/base/unique_fd.h"
#include "netemu/kernel/batch.h"

struct nlmsghdr;

namespace netemu {

/// A request that the kernel refused.
struct NetlinkFailure {
    std::uint32_t sequence = 0;
    int error_number = 0;
    unsigned type = 0;    // the message type of the request
    std::string text;     // the kernel's own words (NETLINK_EXT_ACK), or empty
    std::string object{}; // what of the operation it was about, where it has several; or empty
};

/// A netlink socket. It stays in the network namespace in which the calling thread was when it was
/// made, so no setns(2) is needed to use it.
///
/// Requests are not acknowledged: rtnetlink, nfnetlink and generic netlink carry them out inside
/// sendmsg(2), and without NLM_F_ACK only refusals are answered. So when a receive that does not
/// wait finds nothing, everything that was sent has been done. The messages behind a refused one
/// are still carried out by rtnetlink; an nfnetlink transaction is carried out whole or not at all.
class NetlinkSocket {
public:
    NetlinkSocket() = default; // closed
    /// `protocol` is NETLINK_ROUTE, NETLINK_NETFILTER or NETLINK_GENERIC. Throws SysError.
    explicit NetlinkSocket(int protocol);
    /// Takes a socket of AF_NETLINK that somebody else has made, wherever that is.
    explicit NetlinkSocket(UniqueFd socket);

    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    void close() noexcept { fd_.reset(); }

    /// Sends `batch` (if it holds anything) and returns what was refused, in order. The batch is
    /// left as it is, for its origins; answers that are not refusals are dropped. Throws SysError
    /// if it cannot be sent.
    std::vector<NetlinkFailure> send(const Batch& batch);
    /// The same for some pieces of a batch, in one message.
    std::vector<NetlinkFailure>
    send(std::span<const std::span<const char>> pieces, const Batch& batch);

    /// Makes room for a message of so many bytes, as far as the host allows, and returns how large
    /// one may be: as an ordinary user about twice net.core.wmem_max.
    std::size_t make_room(std::size_t bytes);

    /// Sends the one dump request in `request`, clears it, and hands every object to `each`. When
    /// something changed meanwhile (NLM_F_DUMP_INTR) the dump is used as it is: callers observe,
    /// they do not lock. Throws SysError(attempt) when the kernel refuses.
    using Each = std::function<void(const nlmsghdr* message)>;
    void dump(const char* attempt, Batch& request, const Each& each);
    /// The same for a request that has one object as its answer.
    void get(const char* attempt, Batch& request, const Each& each);

private:
    void ask(const char* attempt, Batch& request, bool many, const Each& each);
    void transmit(std::span<const std::span<const char>> pieces);

    UniqueFd fd_;
};

} // namespace netemu
