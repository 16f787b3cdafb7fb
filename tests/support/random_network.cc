#include "tests/support/random_network.h"

#include <algorithm>
#include <string>
#include <vector>

#include "netemu/base/text.h"

namespace netemu::test {

namespace {

constexpr unsigned kNodes = 3;
constexpr unsigned kPods = 6;
/// The first numbers may be taken by the kernel's own devices (labctl/compile/network_view.h).
constexpr std::uint32_t kIndexBase = 20;

class Generator {
public:
    explicit Generator(std::mt19937& random) : random_(random) {}

    DesiredState run() {
        auto& underlay = add("underlay", NamespaceRole::Underlay);
        underlay.links.push_back(bridge("br0", 2));
        if (chance(80)) {
            attach("underlay", "external", NamespaceRole::External, "port-ext", 90, 1);
        }
        std::vector<unsigned> nodes;
        for (unsigned node = 1; node <= kNodes; ++node) {
            if (chance(75)) {
                nodes.push_back(node);
                add_node(node);
            }
        }
        for (const auto node : nodes) {
            add_peers(node, nodes);
        }
        for (unsigned pod = 1; pod <= kPods && !nodes.empty(); ++pod) {
            if (chance(70)) {
                add_pod(pod, nodes[below(nodes.size())]);
            }
        }
        add_segments(nodes);
        return std::move(state_);
    }

private:
    std::size_t below(std::size_t limit) {
        return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_);
    }
    bool chance(unsigned percent) { return below(100) < percent; }

    NamespaceSpec& add(const std::string& name, NamespaceRole role) {
        auto& spec = state_.namespaces[name];
        spec.role = role;
        if (chance(90)) {
            LinkSpec loopback;
            loopback.name = "lo";
            loopback.index = 1;
            loopback.up = chance(90);
            if (loopback.up && chance(20)) {
                loopback.addresses.push_back(*IpPrefix::parse("10.99.0.1/32"));
            }
            spec.links.push_back(std::move(loopback));
        }
        return spec;
    }

    /// Differs for every identity, and for one identity between two draws now and then.
    MacAddress mac(const std::string& identity) {
        const auto hash = fnv1a(identity + (chance(15) ? "'" : ""));
        return MacAddress::for_ip(IpAddress::v4(hash));
    }

    LinkSpec bridge(const std::string& name, std::uint32_t index) {
        LinkSpec link;
        link.name = name;
        link.index = kIndexBase + index + (chance(10) ? 1000U : 0U);
        link.kind = BridgeSpec{};
        link.mac = mac(name);
        link.mtu = chance(80) ? 1450 : 1400;
        return link;
    }

    /// A veth from `outer_ns` to eth0 of a new namespace in subnet 10.0.`net`.0/24.
    void attach(
        const std::string& outer_ns,
        const std::string& ns,
        NamespaceRole role,
        const std::string& port_name,
        std::uint32_t port_index,
        unsigned net) {
        auto& spec = add(ns, role);
        LinkSpec eth0;
        eth0.name = "eth0";
        eth0.index = kIndexBase + (chance(90) ? 2U : 7U);
        eth0.kind = VethPeerSpec{};
        eth0.mac = mac(outer_ns + ">" + ns);
        eth0.mtu = chance(80) ? 1500 : 1480;
        eth0.up = chance(92);
        LinkSpec port;
        port.name = port_name;
        port.index = kIndexBase + port_index + (chance(10) ? 2000U : 0U);
        port.kind = VethSpec{ns, "eth0", eth0.index, eth0.mac};
        port.mac = mac(port_name + "<" + ns);
        port.mtu = eth0.mtu;
        port.up = chance(95);
        if (chance(85)) {
            port.master = role == NamespaceRole::Pod ? "cni0" : "br0";
            port.hairpin = chance(50);
        }
        address(spec, eth0, net, port_index);
        spec.links.push_back(std::move(eth0));
        state_.namespaces.at(outer_ns).links.push_back(std::move(port));
    }

    void address(NamespaceSpec& spec, LinkSpec& link, unsigned net, std::uint32_t host) {
        const auto v4 = "10.0." + std::to_string(net) + ".";
        const auto v6 = "fd00:" + std::to_string(net) + "::";
        std::vector<std::string> candidates{
            v4 + std::to_string(host) + "/24",
            v4 + std::to_string(host + 100) + "/24",
            "192.168.7." + std::to_string(host) + "/24"};
        if (link.up) {
            candidates.push_back(v6 + std::to_string(host) + "/64");
        }
        std::shuffle(candidates.begin(), candidates.end(), random_);
        for (const auto& text : candidates) {
            if (chance(65)) {
                link.addresses.push_back(*IpPrefix::parse(text));
            }
        }
        if (chance(70)) {
            spec.neighbours.push_back({*IpAddress::parse(v4 + "1"), mac("gateway"), link.name});
        }
        if (link.up) {
            route(spec, link, v4 + (chance(80) ? "1" : "2"), "0.0.0.0/0");
            route(spec, link, v6 + "1", "::/0");
            if (chance(30)) {
                spec.routes.push_back({*IpPrefix::parse("10.200.0.0/16"), {}, link.name, false});
            }
        }
        if (chance(20)) {
            spec.routes.push_back({*IpPrefix::parse("10.201.0.0/16"), {}, {}, false, 80});
        }
        std::shuffle(spec.routes.begin(), spec.routes.end(), random_);
    }

    static void
    route(NamespaceSpec& spec, const LinkSpec& link, const std::string& via, const char* to) {
        const auto gateway = *IpAddress::parse(via);
        const bool reachable =
            std::any_of(link.addresses.begin(), link.addresses.end(), [&](const IpPrefix& each) {
                return each.contains(gateway);
            });
        if (reachable) {
            spec.routes.push_back({*IpPrefix::parse(to), gateway, link.name, false});
        }
    }

    static std::string node_name(unsigned node) { return "node/" + std::to_string(node); }

    void add_node(unsigned node) {
        const auto name = node_name(node);
        attach("underlay", name, NamespaceRole::Node, "port" + std::to_string(node), 10 + node, 1);
        auto& spec = state_.namespaces.at(name);
        spec.sysctls = {{"net/ipv4/ip_forward", "1"}};
        spec.links.push_back(bridge("cni0", 3));
        if (chance(80)) {
            spec.links.push_back(tunnel(node));
        }
        for (const auto* table : {"masquerade", "filter"}) {
            if (chance(70)) {
                spec.tables.push_back(make_table(table));
            }
        }
    }

    LinkSpec tunnel(unsigned node) {
        LinkSpec link;
        link.name = "vxlan1";
        link.index = kIndexBase + 4;
        VxlanSpec vxlan;
        vxlan.vni = chance(85) ? 1 : 2;
        vxlan.local = *IpAddress::parse("10.0.1." + std::to_string(10 + node));
        vxlan.underlay = "eth0";
        link.kind = vxlan;
        link.mac = mac("tunnel" + std::to_string(node));
        link.mtu = chance(80) ? 1400 : 1390;
        link.up = chance(90);
        return link;
    }

    NftTable make_table(const std::string& name) {
        NftTable table{NftFamily::Ip, name, {{"chain", NftBase{}, {}}}};
        for (std::size_t i = below(3); i > 0; --i) {
            table.chains[0].rules.push_back(
                {{NftCounter{}, NftSetVerdict{NftVerdict::Accept, {}}}, "r" + std::to_string(i)});
        }
        return table;
    }

    void add_peers(unsigned node, const std::vector<unsigned>& nodes) {
        auto& spec = state_.namespaces.at(node_name(node));
        const auto found = std::find_if(spec.links.begin(), spec.links.end(), [](const auto& each) {
            return each.name == "vxlan1";
        });
        for (const auto peer : nodes) {
            if (peer == node || found == spec.links.end()) {
                continue;
            }
            const auto via = *IpAddress::parse("10.1." + std::to_string(peer) + ".0");
            const auto peer_mac = mac("tunnel" + std::to_string(peer));
            const auto remote = "10.0.1." + std::to_string(10 + peer);
            spec.fdb.push_back({peer_mac, *IpAddress::parse(remote), "vxlan1"});
            spec.neighbours.push_back({via, peer_mac, "vxlan1"});
            if (found->up) {
                spec.routes.push_back({IpPrefix{via, 24}, via, "vxlan1", true});
            }
        }
    }

    void add_pod(unsigned pod, unsigned node) {
        const auto text = std::to_string(pod);
        const auto name = "pod/x/" + text;
        attach(node_name(node), name, NamespaceRole::Pod, "veth" + text, 50 + pod, 10 + node);
        pods_of_[node].push_back(name);
    }

    void add_segments(const std::vector<unsigned>& nodes) {
        for (const auto node : nodes) {
            if (pods_of_[node].empty() || chance(15)) {
                continue;
            }
            auto list = std::make_shared<std::vector<NeighbourSpec>>();
            for (const auto& pod : pods_of_[node]) {
                const auto number = 50 + static_cast<unsigned>(pod.back() - '0');
                const auto address =
                    "10.0." + std::to_string(10 + node) + "." + std::to_string(number);
                list->push_back({*IpAddress::parse(address), mac("segment" + pod), "eth0"});
            }
            for (const auto& pod : pods_of_[node]) {
                state_.namespaces.at(pod).segment_neighbours = list;
            }
        }
    }

    std::mt19937& random_;
    DesiredState state_;
    std::map<unsigned, std::vector<std::string>> pods_of_;
};

} // namespace

DesiredState random_network(std::mt19937& random) {
    return Generator(random).run();
}

void add_random_servers(std::mt19937& random, DesiredState& state) {
    const auto below = [&](unsigned limit) {
        return std::uniform_int_distribution<unsigned>(0, limit - 1)(random);
    };
    for (auto& [name, spec] : state.namespaces) {
        if (spec.role != NamespaceRole::Node || below(5) == 0) {
            continue;
        }
        LinkSpec device;
        device.name = "kube-ipvs0";
        device.index = kIndexBase + 5;
        device.kind = DummySpec{};
        device.mac = MacAddress::for_ip(*IpAddress::parse("10.96.0.0"));
        device.up = false;
        for (unsigned i = 1; i <= 4; ++i) {
            if (below(3) == 0) {
                continue;
            }
            const auto address = *IpAddress::parse("10.96.0." + std::to_string(i));
            device.addresses.push_back(IpPrefix::host(address));
            VirtualServer server;
            server.key = {{address, 80}, static_cast<std::uint8_t>(below(4) == 0 ? 17 : 6)};
            server.scheduler = below(4) == 0 ? "lc" : "rr";
            server.persistence_seconds = below(4) == 0 ? 10800 : 0;
            for (unsigned real = 1; real <= 3; ++real) {
                if (below(2) == 0) {
                    const auto to = *IpAddress::parse("10.244.0." + std::to_string(real));
                    server.servers.push_back({{to, 8080}, below(3) == 0 ? 0U : 1U});
                }
            }
            spec.virtual_servers.push_back(std::move(server));
        }
        spec.links.push_back(std::move(device));
    }
}

} // namespace netemu::test
