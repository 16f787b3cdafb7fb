#pragma once

#include "labctl/api/object.h"

namespace labctl::compile {

struct ClusterConfig;

/// Fills config.load_balancer_pool from the lab's `spec.loadBalancer.pool`: a list of ranges
/// ("172.18.255.0/28", all of its addresses), spans ("172.18.255.200-172.18.255.250") and single
/// addresses. Without it, each range of the underlay gives its addresses number 200 to 250 of the
/// last 256 (172.18.255.200-172.18.255.250 of 172.18.0.0/16), as long as no node has one of them; a
/// range of less than 256 gives nothing. Needs nodes, pod, service and underlay ranges. Throws
/// netemu::UsageError for what is no range, and for addresses of pods, Services, nodes or the
/// namespace "external".
void read_load_balancer_pool(ClusterConfig& config, const api::Json& pool);

} // namespace labctl::compile
