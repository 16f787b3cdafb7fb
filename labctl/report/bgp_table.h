#pragma once

#include <string>

#include "labctl/api/object.h"

/// What `labctl get bgp` and `labctl describe node` show of BGP, from the JSON of the control API.
namespace labctl::report {

/// The sessions of the lab, then its routes, or only those of one node ("" for all).
std::string bgp_table(const api::Json& bgp, const std::string& node);

/// The same of one node as a part of its description; empty if it has no session.
std::string describe_bgp(const api::Json& bgp, const std::string& node);

} // namespace labctl::report
