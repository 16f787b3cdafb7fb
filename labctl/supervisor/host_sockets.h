#pragma once

#include "netemu/base/unique_fd.h"

/// Sockets of the host's own network namespace, for labs that ask the host's name servers. The
/// supervisor is in a namespace of its own; the keeper is not.
namespace labctl::supervisor {

/// How labs call it: no namespace of theirs has a colon in its name.
inline constexpr const char* kHostNetwork = "host:";

/// The supervisor's end of the channel.
class HostSockets {
public:
    /// Takes a SOCK_SEQPACKET socket whose other end a keeper serves.
    explicit HostSockets(netemu::UniqueFd channel) : channel_(std::move(channel)) {}

    /// AF_INET or AF_INET6; SOCK_DGRAM or SOCK_STREAM, with SOCK_NONBLOCK or without. Close-on-exec
    /// is set. Waits for the keeper. Throws netemu::SysError when it cannot make one, or is gone.
    [[nodiscard]] netemu::UniqueFd open(int domain, int type) const;

private:
    netemu::UniqueFd channel_;
};

/// The keeper's end: answers one request that waits there; nothing is made but what HostSockets
/// asks for. False when the supervisor has closed its end.
bool serve_host_socket(int channel);

} // namespace labctl::supervisor
