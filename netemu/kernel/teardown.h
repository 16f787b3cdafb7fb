#pragma once

#include "netemu/base/event_loop.h"

namespace netemu {

/// Waits until every network namespace whose last holder was gone before this call has been taken
/// apart by the kernel: its links, addresses, rules and memory. Returns false when `deadline`
/// passes first, or when this process may not make a namespace to find out.
///
/// How it knows: the kernel takes dead namespaces apart in one worker, in batches, in the order in
/// which they died (cleanup_net in net/core/net_namespace.c). A witness, one end of a veth pair
/// whose other end is in a namespace that dies now, disappears in the batch of those that died
/// before it, or in a later one, so by then all their links are gone. A second witness that dies
/// only after the first has disappeared falls into a later batch, which does not start before the
/// earlier is finished altogether. A netlink socket lets go of its namespace only after a grace
/// period of RCU (deferred_put_nlk_sk), so those are waited for before the first witness is made.
/// No privilege on the host, no counter of the slab allocator (those are only approximate) and no
/// sleep is needed.
///
/// The witnesses live in namespaces of a short-lived child process.
bool wait_for_dead_namespaces(Clock::time_point deadline);

} // namespace netemu
