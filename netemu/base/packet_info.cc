#include "netemu/base/packet_info.h"

#include <cstring>

#include <netinet/in.h>
#include <sys/socket.h>

#include "netemu/base/error.h"

namespace netemu {

void request_packet_info(int socket, bool ipv6) {
    const int on = 1;
    const int level = ipv6 ? IPPROTO_IPV6 : IPPROTO_IP;
    const int option = ipv6 ? IPV6_RECVPKTINFO : IP_PKTINFO;
    check_syscall(
        "ask for the destination of datagrams",
        ::setsockopt(socket, level, option, &on, sizeof on));
}

void turn_packet_info(msghdr& message) {
    for (auto* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
            in_pktinfo info{};
            std::memcpy(&info, CMSG_DATA(header), sizeof info);
            info.ipi_ifindex = 0;
            info.ipi_spec_dst = info.ipi_addr;
            std::memcpy(CMSG_DATA(header), &info, sizeof info);
        } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
            in6_pktinfo info{};
            std::memcpy(&info, CMSG_DATA(header), sizeof info);
            if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) {
                info.ipi6_ifindex = 0;
            }
            std::memcpy(CMSG_DATA(header), &info, sizeof info);
        }
    }
}

} // namespace netemu
