#include "tests/support/random_ports.h"

#include <algorithm>
#include <string>

namespace netemu::test {

namespace {

constexpr std::uint32_t kWireguardIndex = 40; // beyond those of random_network.cc
constexpr std::uint32_t kVlanIndex = 41;

class PortGenerator {
public:
    explicit PortGenerator(std::mt19937& random) : random_(random) {}

    void run(DesiredState& state) {
        for (auto& [name, spec] : state.namespaces) {
            if (spec.role == NamespaceRole::Node && chance(70)) {
                spec.links.push_back(wireguard());
            }
            if (spec.role == NamespaceRole::Node && chance(50)) {
                add_vlan(spec);
            }
        }
        if (chance(60)) {
            filter(state.namespaces.at("underlay"));
        }
    }

private:
    unsigned below(unsigned limit) {
        return std::uniform_int_distribution<unsigned>(0, limit - 1)(random_);
    }
    bool chance(unsigned percent) { return below(100) < percent; }

    LinkSpec wireguard() {
        WireguardSpec device;
        device.key.bytes.fill(static_cast<std::uint8_t>(chance(80) ? 200 : 201));
        device.port = chance(85) ? 51820 : 51871;
        for (unsigned i = 1; i <= 3; ++i) {
            if (chance(30)) {
                continue;
            }
            WireguardPeer peer;
            peer.key.bytes.fill(static_cast<std::uint8_t>(i));
            peer.endpoint = *Endpoint::parse("172.18.0." + std::to_string(i + below(2)) + ":51820");
            const auto range = "10.244." + std::to_string(10 * i + below(2)) + ".0/24";
            peer.allowed.push_back(*IpPrefix::parse(range));
            device.peers.push_back(std::move(peer));
        }
        LinkSpec link;
        link.name = "wg0";
        link.index = kWireguardIndex;
        link.mtu = chance(80) ? 1440 : 1400;
        link.kind = std::move(device);
        return link;
    }

    void add_vlan(NamespaceSpec& spec) {
        const auto eth0 = std::find_if(spec.links.begin(), spec.links.end(), [](const auto& each) {
            return each.name == "eth0";
        });
        LinkSpec link;
        link.name = "eth0.10";
        link.index = kVlanIndex;
        link.mac = eth0->mac;
        link.mtu = 1400;
        link.kind = VlanSpec{static_cast<std::uint16_t>(10 + below(2)), "eth0"};
        link.addresses.push_back(
            *IpPrefix::parse("192.168.10." + std::to_string(1 + below(3)) + "/24"));
        spec.links.push_back(std::move(link));
    }

    void filter(NamespaceSpec& spec) {
        for (auto& link : spec.links) {
            if (auto* bridge = std::get_if<BridgeSpec>(&link.kind)) {
                bridge->vlan_filtering = true;
            } else if (!link.master.empty()) {
                const auto native = static_cast<std::uint16_t>(10 + below(3));
                link.vlans.push_back({native, true, true});
                if (chance(40)) {
                    link.vlans.push_back(
                        {static_cast<std::uint16_t>(native + 10), false, chance(30)});
                }
            }
        }
    }

    std::mt19937& random_;
};

} // namespace

void add_random_ports(std::mt19937& random, DesiredState& state) {
    PortGenerator(random).run(state);
}

} // namespace netemu::test
