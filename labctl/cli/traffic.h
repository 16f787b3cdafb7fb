#pragma once

#include "labctl/cli/context.h"

/// Commands that look at packets, and that break their way.
namespace labctl::cli {

/// `capture TARGET[:INTERFACE]...`: packets as lines of text, or as pcapng with -w. Ends at Ctrl-C,
/// at a limit, when whoever reads has left, when all interfaces or the lab are gone: 0 in all these
/// cases, with a file that is whole.
int run_capture(const Context& context);

/// `fault VERB [TARGET]`: breaks something, heals it, or lists what is broken.
int run_fault(const Context& context);

} // namespace labctl::cli
