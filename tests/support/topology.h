#pragma once

#include <string>

#include "tests/support/cluster.h"

namespace labctl::test {

/// A cluster whose underlay is what `underlay`, the YAML of spec.underlay as JSON, says. The nodes
/// are node-1 to node-N; the objects are as the controllers leave them.
struct TopologyCluster : Cluster {
    TopologyCluster(
        std::size_t nodes,
        const std::string& underlay,
        const std::vector<std::string>& pod_ranges = {"10.244.0.0/16"});
};

/// The labs that several tests use, as JSON: two hosts on one switch; two such LANs joined by a
/// router; a host behind a router with `nat`; two spines and two leaves with a node on each leaf.
inline constexpr const char* kPlainLan = R"({
    "cidr": "10.1.0.0/16", "switches": ["s1"], "hosts": ["h1", "h2"],
    "links": [{"endpoints": ["h1", "s1"]}, {"endpoints": ["h2", "s1"]}]})";
inline constexpr const char* kTwoLans = R"({
    "cidr": "10.1.0.0/16", "switches": ["a", "b"], "routers": ["r1"], "hosts": ["h1", "h2"],
    "links": [{"endpoints": ["h1", "a"]}, {"endpoints": ["r1", "a"]},
              {"endpoints": ["r1", "b"]}, {"endpoints": ["h2", "b"]}]})";
inline constexpr const char* kBehindNat = R"({
    "cidr": "10.1.0.0/16", "switches": ["inside", "wan"],
    "routers": [{"name": "gw", "nat": "wan"}], "hosts": ["pc", "server"],
    "links": [{"endpoints": ["pc", "inside"]}, {"endpoints": ["gw", "inside"]},
              {"endpoints": ["gw", "wan"]}, {"endpoints": ["server", "wan"]}]})";
inline constexpr const char* kLeafSpine = R"({
    "switches": ["rack-1", "rack-2"], "routers": ["leaf-1", "leaf-2", "spine-1", "spine-2"],
    "links": [{"endpoints": ["leaf-1", "rack-1"]}, {"endpoints": ["leaf-2", "rack-2"]},
              {"endpoints": ["node-1", "rack-1"]}, {"endpoints": ["node-2", "rack-2"]},
              {"endpoints": ["leaf-1", "spine-1"]}, {"endpoints": ["leaf-1", "spine-2"]},
              {"endpoints": ["leaf-2", "spine-1"]}, {"endpoints": ["leaf-2", "spine-2"]}]})";

} // namespace labctl::test
