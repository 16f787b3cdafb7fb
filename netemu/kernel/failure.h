#pragma once

#include "netemu/kernel/netlink_socket.h"
#include "netemu/model/plan.h"

namespace netemu {

/// Throws what a refused request means to those who asked for `operation`: UnsupportedError when
/// the kernel lacks a feature, SysError otherwise. The text holds the operation and the kernel's
/// own words.
[[noreturn]] void throw_failure(const Operation& operation, const NetlinkFailure& failure);

} // namespace netemu
