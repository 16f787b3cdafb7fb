#pragma once

#include "netemu/base/unique_fd.h"
#include "netemu/kernel/link_codec.h"

namespace netemu {

/// A TUN or TAP device. Netlink shows and configures it, but only /dev/net/tun makes one.
extern const LinkKindCodec kTunCodec;

/// Makes the device in the calling thread's network namespace, down, with the name, the index and
/// (of a TAP) the MAC address of `link`, which is of a kind that tun_of knows. It lives as long as
/// the descriptor, which is non-blocking; with a vnet header the device leaves checksums and the
/// cutting of TCP, and of UDP where the kernel can, to who reads. Throws UnsupportedError where
/// there is no /dev/net/tun or it may not be opened, and SysError.
UniqueFd open_tun(const LinkSpec& link);

/// Whether the device has a carrier: a cable that leads to something (TUNSETCARRIER, since Linux
/// 5.0). Throws SysError.
void set_tun_carrier(const UniqueFd& file, const std::string& name, bool on);

/// Throws UnsupportedError, naming what is missing, unless this process can make such devices.
void require_tun();

} // namespace netemu
