#include "netemu/kernel/link_tun.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>

#include "netemu/base/error.h"
#include "netemu/model/cable.h"

namespace netemu {

namespace {

constexpr const char* kTunFile = "/dev/net/tun";
// Since Linux 6.2, and not in the headers of older systems.
constexpr unsigned kCutUdp4 = 0x20; // TUN_F_USO4
constexpr unsigned kCutUdp6 = 0x40; // TUN_F_USO6

UniqueFd open_tun_file() {
    UniqueFd file(::open(kTunFile, O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (file) {
        return file;
    }
    const int error = errno;
    const auto what = std::string("open ") + kTunFile + ": " + std::strerror(error); // NOLINT
    if (error == EACCES || error == EPERM) {
        throw UnsupportedError(
            what, "give everybody access to it, as most systems do: sudo chmod 0666 /dev/net/tun");
    }
    if (error == ENOENT || error == ENODEV || error == ENXIO) {
        throw UnsupportedError(what, "sudo modprobe tun, or use a kernel with CONFIG_TUN");
    }
    throw SysError(std::string("open ") + kTunFile, error);
}

void tun_control(const UniqueFd& file, unsigned long request, void* value, const LinkSpec& link) {
    if (::ioctl(file.get(), request, value) != 0) {
        throw SysError("make the TUN device " + link.name, errno);
    }
}

/// What may stay undone in packets that are read. Whatever the kernel does not know is left out.
void set_tun_offloads(const UniqueFd& file, const LinkSpec& link) {
    constexpr unsigned kTcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
    if (::ioctl(file.get(), TUNSETOFFLOAD, kTcp | kCutUdp4 | kCutUdp6) != 0 &&
        ::ioctl(file.get(), TUNSETOFFLOAD, kTcp) != 0) {
        throw SysError("set the offloads of the TUN device " + link.name, errno);
    }
}

void decode_tun(const Attributes& data, RawLink& link) {
    TunSpec tun;
    tun.ethernet = data.u8(IFLA_TUN_TYPE).value_or(IFF_TUN) == IFF_TAP;
    tun.vnet_header = data.u8(IFLA_TUN_VNET_HDR).value_or(0) != 0;
    link.info.tun = tun;
}

} // namespace

const LinkKindCodec kTunCodec{"tun", nullptr, decode_tun};

UniqueFd open_tun(const LinkSpec& link) {
    const auto tun = tun_of(link.kind).value();
    auto file = open_tun_file();
    auto index = link.index;
    tun_control(file, TUNSETIFINDEX, &index, link);
    ifreq request{};
    link.name.copy(request.ifr_name, sizeof request.ifr_name - 1);
    const int flags = (tun.ethernet ? IFF_TAP : IFF_TUN) | IFF_NO_PI | IFF_TUN_EXCL |
                      (tun.vnet_header ? IFF_VNET_HDR : 0);
    request.ifr_flags = static_cast<short>(flags);
    tun_control(file, TUNSETIFF, &request, link);
    if (tun.vnet_header) {
        set_tun_offloads(file, link);
    }
    if (tun.ethernet) {
        request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
        std::copy(link.mac.bytes.begin(), link.mac.bytes.end(), request.ifr_hwaddr.sa_data);
        tun_control(file, SIOCSIFHWADDR, &request, link);
    }
    return file;
}

void set_tun_carrier(const UniqueFd& file, const std::string& name, bool on) {
    int carrier = on ? 1 : 0;
    if (::ioctl(file.get(), TUNSETCARRIER, &carrier) != 0) {
        throw SysError("set the carrier of the TAP device " + name, errno);
    }
}

void require_tun() {
    (void)open_tun_file();
}

} // namespace netemu
