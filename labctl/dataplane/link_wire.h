#pragma once

#include "labctl/dataplane/link_counters.h"
#include "labctl/dataplane/wire.h"
#include "netemu/model/impairment.h"

/// Fields of the records about links (wire.h).
namespace labctl::dataplane {

void write_impairment(WireWriter& record, const netemu::Impairment& impairment);
/// Throws netemu::Error when the message ends too early.
[[nodiscard]] netemu::Impairment read_impairment(WireReader& record);

void write_counters(WireWriter& record, LinkCounters counters);
/// Likewise, and for counters that are none.
[[nodiscard]] LinkCounters read_counters(WireReader& record);

} // namespace labctl::dataplane
