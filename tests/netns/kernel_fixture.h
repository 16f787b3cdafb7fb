#pragma once

#include <memory>
#include <string>
#include <vector>

#include "netemu/kernel/kernel.h"
#include "netemu/model/plan.h"
#include "tests/support/netns_main.h"

namespace netemu::test {

IpAddress ip(const char* text);
IpPrefix prefix(const char* text);
MacAddress mac(const char* text);

LinkSpec loopback();
/// What is added to the indexes that tests give their links: a kernel with tunnel modules puts
/// devices of its own into every namespace, with the first numbers (labctl/compile/network_view.h).
inline constexpr std::uint32_t kIndexBase = 20;

LinkSpec bridge(const std::string& name, std::uint32_t index);
LinkSpec vxlan(const std::string& name, std::uint32_t index, const VxlanSpec& spec);
/// The outer end of a pair whose peer is eth0, with index 2 too, in `peer_namespace`.
LinkSpec veth(const std::string& name, std::uint32_t index, const std::string& peer_namespace);
/// That peer, as its own namespace lists it.
LinkSpec veth_peer(const LinkSpec& outer);

/// A fresh kernel object per test case; its namespaces end with it.
struct KernelFixture {
    KernelFixture() : kernel(make_linux_kernel()) {}

    void apply(std::vector<Operation> operations) { kernel->apply(Plan{std::move(operations)}); }
    /// Makes namespaces named so, as nodes.
    void create(const std::vector<std::string>& names);
    /// `ip -j -d ...` in a namespace.
    nlohmann::json ip_json(const std::string& ns, std::vector<std::string> words);
    nlohmann::json bridge_json(const std::string& ns, std::vector<std::string> words);
    nlohmann::json nft_json(const std::string& ns, std::vector<std::string> words);
    /// The one link of that name, or null.
    nlohmann::json link(const std::string& ns, const std::string& name);
    std::string read(const std::string& ns, const std::string& path);

    std::unique_ptr<Kernel> kernel;
};

/// The first element of `list` whose member `key` is `value`, or null.
nlohmann::json
find(const nlohmann::json& list, const std::string& key, const nlohmann::json& value);

/// The number of network namespaces that this process holds descriptors of.
std::size_t held_namespaces();

} // namespace netemu::test
