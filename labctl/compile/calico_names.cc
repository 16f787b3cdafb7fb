#include "labctl/compile/calico_names.h"

#include "netemu/base/sha1.h"

namespace labctl::compile {

std::string calico_port(std::string_view ns, std::string_view pod) {
    constexpr std::size_t kDigits = 11;
    constexpr std::string_view kHex = "0123456789abcdef";
    const auto digest = netemu::sha1(std::string(ns).append(".").append(pod));
    std::string name(kCalicoPort);
    for (std::size_t i = 0; i < kDigits; ++i) {
        const auto byte = digest[i / 2];
        name += kHex[i % 2 == 0 ? byte >> 4U : byte & 0xfU];
    }
    return name;
}

} // namespace labctl::compile
