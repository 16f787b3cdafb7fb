#include "labctl/compile/cilium_names.h"

#include "services/sha256.h"

namespace labctl::compile {

std::string cilium_port(std::string_view ns, std::string_view pod) {
    constexpr std::size_t kBytes = 6;
    constexpr std::string_view kHex = "0123456789abcdef";
    const auto digest = services::sha256(std::string(ns).append("/").append(pod));
    std::string name("lxc");
    for (std::size_t i = 0; i < kBytes; ++i) {
        name += kHex[digest.at(i) >> 4U];
        name += kHex[digest.at(i) & 0xfU];
    }
    return name;
}

} // namespace labctl::compile
