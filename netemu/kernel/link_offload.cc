#include "netemu/kernel/link_offload.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <variant>

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "netemu/base/error.h"
#include "netemu/base/log.h"

namespace netemu {

bool spares_gro(const LinkKind& kind) {
    return std::holds_alternative<VxlanSpec>(kind) ||
           std::holds_alternative<ExternalTunnelSpec>(kind);
}

void turn_gro_off(const NetlinkSocket& socket, const std::string& link) {
    ethtool_value value{ETHTOOL_SGRO, 0};
    ifreq request{};
    const auto length = std::min(link.size(), std::size(request.ifr_name) - 1);
    std::copy_n(link.data(), length, std::begin(request.ifr_name));
    request.ifr_data = reinterpret_cast<char*>(&value);
    if (::ioctl(socket.fd(), SIOCETHTOOL, &request) < 0) {
        log_debug("kernel", "cannot turn GRO of " + link + " off: " + errno_text(errno));
    }
}

} // namespace netemu
