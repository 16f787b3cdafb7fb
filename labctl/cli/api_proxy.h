#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "netemu/base/acceptor.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

namespace labctl::cli {

/// The control socket of a lab on a TCP port of 127.0.0.1, for clients that know no Unix sockets
/// (kubectl). Other users of the host can reach that port, so a connection must begin with a
/// request below a path that only who reads `url` knows; one that does not is closed.
class ApiProxy {
public:
    /// Listens; port 0 is one that is free. Throws SysError.
    ApiProxy(netemu::EventLoop& loop, std::string control_socket, std::uint16_t port);
    ApiProxy(const ApiProxy&) = delete;
    ApiProxy& operator=(const ApiProxy&) = delete;
    ~ApiProxy();

    /// "http://127.0.0.1:PORT/~KEY", which kubectl takes as a server.
    [[nodiscard]] const std::string& url() const { return url_; }

private:
    class Relay;

    void accept_all();

    netemu::EventLoop& loop_;
    std::string control_socket_;
    std::string path_; // "/~KEY/"
    std::string url_;
    netemu::UniqueFd listener_;
    std::unique_ptr<netemu::Acceptor> acceptor_;
    std::map<Relay*, std::unique_ptr<Relay>> relays_;
};

} // namespace labctl::cli
