#pragma once

#include <string>

#include "labctl/check/expand.h"
#include "labctl/probe/probe.h"

/// What has become of a flow, in words for people. Pure. Private to the room.
namespace labctl::check {

/// "answered by shop/web-1 in 300 us".
std::string answered(const probe::Result& result);
/// Of the first exchange: "the connection was refused".
std::string what_happened(const Flow& flow, const probe::Result& result);
/// The same of one exchange, or how many of several had which outcome.
std::string counted(const Flow& flow, const probe::Result& result);
/// "ok", or counts when there were several exchanges: "ok 98, timeout 2".
std::string outcome_text(const probe::Result& result);
/// The usual slip behind a refusal: a port that no container declares. "": it is not that.
std::string port_hint(const Flow& flow, const probe::Result& result);

} // namespace labctl::check
