#include "tests/netns/kernel_fixture.h"

#include <filesystem>

namespace netemu::test {

namespace fs = std::filesystem;

IpAddress ip(const char* text) {
    return IpAddress::parse(text).value();
}

IpPrefix prefix(const char* text) {
    return IpPrefix::parse(text).value();
}

MacAddress mac(const char* text) {
    return MacAddress::parse(text).value();
}

LinkSpec loopback() {
    LinkSpec link;
    link.name = "lo";
    link.index = 1;
    link.kind = LoopbackSpec{};
    return link;
}

LinkSpec bridge(const std::string& name, std::uint32_t index) {
    LinkSpec link;
    link.name = name;
    link.index = kIndexBase + index;
    link.kind = BridgeSpec{};
    link.mac = MacAddress{{0x02, 0xB0, 0, 0, 0, static_cast<std::uint8_t>(index)}};
    return link;
}

LinkSpec vxlan(const std::string& name, std::uint32_t index, const VxlanSpec& spec) {
    LinkSpec link;
    link.name = name;
    link.index = kIndexBase + index;
    link.kind = spec;
    link.mac = MacAddress{{0x02, 0xA0, 0, 0, 0, static_cast<std::uint8_t>(index)}};
    link.mtu = 1450;
    return link;
}

LinkSpec veth(const std::string& name, std::uint32_t index, const std::string& peer_namespace) {
    LinkSpec link;
    link.name = name;
    link.index = kIndexBase + index;
    link.mac = MacAddress{{0x02, 0xE0, 0, 0, 0, static_cast<std::uint8_t>(index)}};
    VethSpec pair;
    pair.peer_namespace = peer_namespace;
    pair.peer_name = "eth0";
    pair.peer_index = kIndexBase + 2;
    pair.peer_mac = MacAddress{{0x02, 0xE1, 0, 0, 0, static_cast<std::uint8_t>(index)}};
    link.kind = pair;
    return link;
}

LinkSpec veth_peer(const LinkSpec& outer) {
    const auto& pair = std::get<VethSpec>(outer.kind);
    LinkSpec link;
    link.name = pair.peer_name;
    link.index = pair.peer_index;
    link.kind = VethPeerSpec{};
    link.mac = pair.peer_mac;
    link.mtu = outer.mtu;
    return link;
}

void KernelFixture::create(const std::vector<std::string>& names) {
    std::vector<Operation> operations;
    operations.reserve(names.size());
    for (const std::string& name : names) {
        operations.emplace_back(CreateNamespace{name, NamespaceRole::Node, {}});
    }
    apply(std::move(operations));
}

nlohmann::json KernelFixture::ip_json(const std::string& ns, std::vector<std::string> words) {
    words.insert(words.begin(), {"ip", "-j", "-d"});
    return json_in(kernel->namespace_fd(ns), words);
}

nlohmann::json KernelFixture::bridge_json(const std::string& ns, std::vector<std::string> words) {
    words.insert(words.begin(), {"bridge", "-j"});
    return json_in(kernel->namespace_fd(ns), words);
}

nlohmann::json KernelFixture::nft_json(const std::string& ns, std::vector<std::string> words) {
    words.insert(words.begin(), {"nft", "-j"});
    return json_in(kernel->namespace_fd(ns), words).at("nftables");
}

nlohmann::json KernelFixture::link(const std::string& ns, const std::string& name) {
    return find(ip_json(ns, {"link"}), "ifname", name);
}

std::string KernelFixture::read(const std::string& ns, const std::string& path) {
    return run_in(kernel->namespace_fd(ns), {"cat", path}).out;
}

nlohmann::json
find(const nlohmann::json& list, const std::string& key, const nlohmann::json& value) {
    for (const auto& each : list) {
        if (each.contains(key) && each.at(key) == value) {
            return each;
        }
    }
    return nullptr;
}

std::size_t held_namespaces() {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
        std::error_code gone;
        if (fs::read_symlink(entry.path(), gone).string().starts_with("net:")) {
            ++count;
        }
    }
    return count;
}

} // namespace netemu::test
