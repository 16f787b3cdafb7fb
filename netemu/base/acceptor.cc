#include "netemu/base/acceptor.h"

#include <cerrno>

#include <sys/socket.h>

namespace netemu {

std::optional<Acceptor::Accepted> Acceptor::next() {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    UniqueFd socket(::accept4(
        listener_,
        reinterpret_cast<sockaddr*>(&address), // NOLINT: the interface of sockets
        &size,
        SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket) {
        pause_.failed(errno);
        return std::nullopt;
    }
    return Accepted{std::move(socket), Endpoint::from_sockaddr(address)};
}

} // namespace netemu
