#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "dns/handler.h"
#include "dns/limits.h"
#include "netemu/base/unique_fd.h"

namespace dns {

class Server;

/// The datagram sockets of a server, and the buffers that they share.
class UdpService {
public:
    explicit UdpService(Server& server);
    UdpService(const UdpService&) = delete;
    UdpService& operator=(const UdpService&) = delete;
    ~UdpService();

    int add(netemu::UniqueFd fd);
    void remove(int socket);

private:
    struct Socket {
        netemu::UniqueFd fd;
        bool any = false; // bound to the unspecified address: the destination matters
    };
    /// The ancillary data of one datagram: room for an IPv6 packet information.
    struct alignas(cmsghdr) Control {
        std::array<char, 64> bytes;
    };
    class Replies;

    void readable(const std::shared_ptr<Socket>& socket);
    /// One batch; true if it was full, so that there may be more.
    bool batch(const std::shared_ptr<Socket>& socket);
    void prepare(std::size_t index, bool any);
    /// Tells the handler of the datagrams that were received.
    void expect(std::size_t count);
    void send(int fd, std::size_t count);

    Server& server_;
    std::unordered_map<int, std::shared_ptr<Socket>> sockets_;
    std::vector<std::uint8_t> input_;
    std::vector<std::uint8_t> output_;
    std::size_t output_bytes_;             // for each datagram
    std::size_t used_ = limits::kUdpBatch; // headers that are to be prepared again
    bool used_by_any_ = false;
    std::array<mmsghdr, limits::kUdpBatch> in_{};
    std::array<mmsghdr, limits::kUdpBatch> out_{};
    std::array<iovec, limits::kUdpBatch> in_vectors_{};
    std::array<iovec, limits::kUdpBatch> out_vectors_{};
    std::array<sockaddr_storage, limits::kUdpBatch> peers_{};
    std::array<Control, limits::kUdpBatch> controls_{};
};

} // namespace dns
