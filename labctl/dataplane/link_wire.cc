#include "labctl/dataplane/link_wire.h"

#include "netemu/base/error.h"

namespace labctl::dataplane {
namespace {

constexpr unsigned kHighHalf = 32;

void write_wide(WireWriter& record, std::uint64_t value) {
    record.u32(static_cast<std::uint32_t>(value >> kHighHalf));
    record.u32(static_cast<std::uint32_t>(value));
}

std::uint64_t read_wide(WireReader& record) {
    const std::uint64_t high = record.u32();
    return high << kHighHalf | record.u32();
}

} // namespace

void write_impairment(WireWriter& record, const netemu::Impairment& impairment) {
    record.u32(impairment.delay_us).u32(impairment.jitter_us).u32(impairment.loss);
    record.u32(impairment.duplicate).u32(impairment.reorder).u32(impairment.corrupt);
    record.u32(impairment.queue);
    write_wide(record, impairment.rate_bps);
}

netemu::Impairment read_impairment(WireReader& record) {
    netemu::Impairment read;
    for (auto* field :
         {&read.delay_us,
          &read.jitter_us,
          &read.loss,
          &read.duplicate,
          &read.reorder,
          &read.corrupt,
          &read.queue}) {
        *field = record.u32();
    }
    read.rate_bps = read_wide(record);
    return read;
}

void write_counters(WireWriter& record, LinkCounters counters) {
    record.u32(kLinkCounterNumbers);
    counters.each([&](std::uint64_t number) { write_wide(record, number); });
}

LinkCounters read_counters(WireReader& record) {
    LinkCounters read;
    if (record.u32() != kLinkCounterNumbers) {
        throw netemu::Error("the data plane sends counters of links that are none");
    }
    read.each([&](std::uint64_t& number) { number = read_wide(record); });
    return read;
}

} // namespace labctl::dataplane
