#include "dns/loop.h"

#include <random>
#include <string>

#include "dns/types.h"

namespace dns {
namespace {

constexpr std::uint32_t kLoopSeenMax = 2;

std::string random_label() {
    static thread_local std::mt19937_64 random{std::random_device{}()};
    constexpr unsigned kSign = 1;
    return std::to_string(random() >> kSign);
}

} // namespace

LoopProbe::LoopProbe(const Name& zone)
    : name_(Name::parse(random_label() + "." + random_label()).value().under(zone).value_or(zone)),
      wire_(name_.lower().wire()) {
}

bool LoopProbe::sees(const QueryView& query) {
    return query.type == static_cast<std::uint16_t>(Type::Hinfo) && query.name_from(0) == wire_ &&
           ++seen_ > kLoopSeenMax;
}

} // namespace dns
