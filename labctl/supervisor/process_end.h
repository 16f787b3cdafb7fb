#pragma once

#include "netemu/base/event_loop.h"
#include "netemu/base/process.h"

namespace labctl::supervisor {

/// Kills a child (SIGKILL) and reaps it. Returns when it has ended, but within a second: process 1
/// of a pid namespace ends only after all others there are reaped, and what has come from outside,
/// as nsenter(1) does it, is reaped by a parent that may be stopped; so is what a debugger holds. A
/// child that has not ended by then is reaped by the loop when it does.
void end_process(netemu::EventLoop& loop, netemu::SpawnedProcess process) noexcept;

} // namespace labctl::supervisor
