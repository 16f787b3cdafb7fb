#include "services/nftables_names.h"

#include <algorithm>

#include "services/sha256.h"

namespace services {
namespace {

constexpr std::size_t kNftHashCharacters = 8;
constexpr std::size_t kNftNameBytesMax = 127;
constexpr std::size_t kNftPrefixBytesMax = 9; // "endpoint-"
constexpr std::size_t kNftCommentBytesMax = 120;

std::string cut_to(std::string text, std::size_t bytes) {
    if (text.size() > bytes) {
        text.resize(bytes - 3);
        text += "...";
    }
    return text;
}

std::string hashed_name(std::string_view prefix, const std::string& name) {
    const auto hash = base32_prefix(sha256(name), kNftHashCharacters);
    return std::string{prefix} + cut_to(hash + "-" + name, kNftNameBytesMax - kNftPrefixBytesMax);
}

std::string port_path(const ServicePortName& name) {
    std::string path = name.name_space + "/" + name.name + "/";
    path += lower_text(name.protocol);
    return path + "/" + name.port;
}

} // namespace

netemu::NftFamily nft_family(Family family) {
    return family == Family::V4 ? netemu::NftFamily::Ip : netemu::NftFamily::Ip6;
}

std::string nft_port_chain(std::string_view prefix, const ServicePortName& name) {
    return hashed_name(prefix, port_path(name));
}

std::string nft_endpoint_chain(
    std::string_view prefix, const ServicePortName& name, const ProxyEndpoint& endpoint) {
    auto address = endpoint.endpoint.address.to_string();
    std::replace(address.begin(), address.end(), ':', '.');
    return hashed_name(
        prefix, port_path(name) + "__" + address + "/" + std::to_string(endpoint.port));
}

std::string nft_comment(const ServicePortName& name, std::string_view purpose) {
    auto comment = name.to_string();
    if (!purpose.empty()) {
        comment += ' ';
        comment += purpose;
    }
    return cut_to(std::move(comment), kNftCommentBytesMax);
}

} // namespace services
