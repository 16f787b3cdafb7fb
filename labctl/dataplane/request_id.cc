#include "labctl/dataplane/request_id.h"

#include <random>
#include <string_view>

namespace labctl::dataplane {

std::string make_request_id() {
    static thread_local std::mt19937_64 random{std::random_device{}()};
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string id;
    for (int half = 0; half < 2; ++half) {
        auto number = random();
        for (int i = 0; i < 16; ++i) {
            id.push_back(kDigits[number & 15U]);
            number >>= 4U;
        }
    }
    return id;
}

} // namespace labctl::dataplane
