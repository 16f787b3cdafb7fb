#include "labctl/api/naming.h"

#include <array>
#include <ctime>
#include <nlohmann/json.hpp>

#include "netemu/base/text.h"

namespace labctl::api {

namespace {

/// The finaliser of splitmix64: neighbouring inputs give unrelated outputs.
std::uint64_t mix(std::uint64_t value) {
    value += 0x9e3779b97f4a7c15U;
    value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31U);
}

} // namespace

std::string safe_encode(std::string_view text) {
    std::string result;
    for (const char c : text) {
        result += kNameAlphabet[static_cast<unsigned char>(c) % kNameAlphabet.size()];
    }
    return result;
}

std::string pod_template_hash(const nlohmann::json& pod_template, std::int64_t collisions) {
    auto text = pod_template.dump();
    if (collisions > 0) {
        text += std::to_string(collisions);
    }
    return safe_encode(std::to_string(netemu::fnv1a(text)));
}

std::string name_suffix(std::string_view seed, std::uint64_t counter) {
    constexpr std::size_t kLength = 5;
    auto value = mix(mix(netemu::fnv1a(seed)) + counter);
    std::string result;
    for (std::size_t i = 0; i < kLength; ++i) {
        result += kNameAlphabet[value % kNameAlphabet.size()];
        value /= kNameAlphabet.size();
    }
    return result;
}

std::string generated_name(std::string_view base, std::string_view suffix) {
    constexpr std::size_t kNameMax = 63;
    return std::string(base.substr(0, kNameMax - suffix.size())) + std::string(suffix);
}

std::map<std::string, std::string> job_labels(std::string_view name, std::string_view uid) {
    const std::string job(name);
    const std::string controller(uid);
    return {
        {"batch.kubernetes.io/controller-uid", controller},
        {"batch.kubernetes.io/job-name", job},
        {"controller-uid", controller},
        {"job-name", job}};
}

std::string timestamp_now() {
    return timestamp_in(0);
}

std::string timestamp_in(std::int64_t seconds) {
    const std::time_t time = std::time(nullptr) + static_cast<std::time_t>(seconds);
    std::tm parts{};
    ::gmtime_r(&time, &parts);
    std::array<char, 32> buffer{};
    const auto size = std::strftime(buffer.data(), buffer.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    return {buffer.data(), size};
}

} // namespace labctl::api
