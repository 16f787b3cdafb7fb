#include "netemu/kernel/qdisc_codec.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include <libmnl/libmnl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "netemu/kernel/attributes.h"

namespace netemu {

namespace {

constexpr std::uint64_t kBitsPerByte = 8;
constexpr std::uint64_t kNanosPerMicro = 1000;
constexpr std::uint32_t kNetemLimit = 1000;     // packets; tc-netem(8)
constexpr std::uint64_t kTbfQueueDivisor = 20;  // a queue of 50 ms, what people give tbf
constexpr std::uint64_t kTbfBurstDivisor = 200; // tokens of 5 ms
constexpr std::uint32_t kTbfPacketsMin = 10;
constexpr std::uint32_t kFrameHeader = 14;

/// Probabilities are fractions of 2^32-1.
std::uint32_t probability_of(std::uint32_t share) {
    constexpr std::uint64_t kCertain = std::numeric_limits<std::uint32_t>::max();
    return static_cast<std::uint32_t>((share * kCertain + kWholeShare / 2) / kWholeShare);
}

std::uint32_t share_of(std::uint32_t probability) {
    constexpr std::uint64_t kCertain = std::numeric_limits<std::uint32_t>::max();
    return static_cast<std::uint32_t>(
        (std::uint64_t{probability} * kWholeShare + kCertain / 2) / kCertain);
}

void put_u64(Batch& batch, unsigned type, std::uint64_t value) {
    std::uint8_t bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    batch.put(type, bytes);
}

template <class Struct>
void put_struct(Batch& batch, unsigned type, const Struct& value) {
    std::uint8_t bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    batch.put(type, bytes);
}

template <class Struct>
std::optional<Struct> read_struct(std::span<const std::uint8_t> data) {
    if (data.size() < sizeof(Struct)) {
        return std::nullopt;
    }
    Struct value{};
    std::memcpy(&value, data.data(), sizeof value);
    return value;
}

tcmsg& start_qdisc(Batch& batch, unsigned type, unsigned flags, std::uint32_t link) {
    auto& header = batch.start<tcmsg>(type, flags);
    header.tcm_family = AF_UNSPEC;
    header.tcm_ifindex = static_cast<int>(link);
    header.tcm_parent = TC_H_ROOT;
    return header;
}

/// Every attribute each time: a change leaves alone what it does not name.
void put_netem(Batch& batch, const Impairment& impairment) {
    const Batch::Nest options(batch, TCA_OPTIONS);
    auto& basic = batch.append<tc_netem_qopt>();
    basic.limit = impairment.queue != 0 ? impairment.queue : kNetemLimit;
    basic.loss = probability_of(impairment.loss);
    basic.duplicate = probability_of(impairment.duplicate);
    basic.gap = impairment.reorder != 0 ? 1 : 0; // "of each packet", as tc(8) writes it
    put_u64(batch, TCA_NETEM_LATENCY64, impairment.delay_us * kNanosPerMicro);
    put_u64(batch, TCA_NETEM_JITTER64, impairment.jitter_us * kNanosPerMicro);
    put_struct(batch, TCA_NETEM_REORDER, tc_netem_reorder{probability_of(impairment.reorder), 0});
    put_struct(batch, TCA_NETEM_CORRUPT, tc_netem_corrupt{probability_of(impairment.corrupt), 0});
    const auto rate = impairment.rate_bps / kBitsPerByte;
    tc_netem_rate rates{};
    rates.rate = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(rate, std::numeric_limits<std::uint32_t>::max()));
    put_struct(batch, TCA_NETEM_RATE, rates);
    if (rate > std::numeric_limits<std::uint32_t>::max()) {
        put_u64(batch, TCA_NETEM_RATE64, rate);
    }
}

std::uint32_t tbf_burst(std::uint64_t rate, std::uint32_t mtu) {
    constexpr std::uint64_t kMax = 64U << 20U;
    return static_cast<std::uint32_t>(
        std::clamp<std::uint64_t>(rate / kTbfBurstDivisor, 2 * (mtu + kFrameHeader), kMax));
}

std::uint32_t tbf_default_limit(std::uint64_t rate, std::uint32_t mtu) {
    constexpr std::uint64_t kMax = 1U << 30U;
    return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(
        rate / kTbfQueueDivisor, kTbfPacketsMin * std::uint64_t{mtu}, kMax));
}

void put_tbf(Batch& batch, const Impairment& impairment, std::uint32_t mtu) {
    const auto rate = impairment.rate_bps / kBitsPerByte;
    const Batch::Nest options(batch, TCA_OPTIONS);
    tc_tbf_qopt basic{};
    basic.rate.rate = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(rate, std::numeric_limits<std::uint32_t>::max()));
    basic.rate.linklayer = TC_LINKLAYER_ETHERNET;
    basic.limit = impairment.queue != 0 ? impairment.queue * mtu : tbf_default_limit(rate, mtu);
    put_struct(batch, TCA_TBF_PARMS, basic);
    batch.put_u32(TCA_TBF_BURST, tbf_burst(rate, mtu));
    if (rate > std::numeric_limits<std::uint32_t>::max()) {
        put_u64(batch, TCA_TBF_RATE64, rate);
    }
}

std::uint64_t u64_of(const Attributes& attributes, unsigned type) {
    return read_struct<std::uint64_t>(attributes.bytes(type)).value_or(0);
}

Impairment read_netem(std::span<const std::uint8_t> data) {
    Impairment read;
    const auto basic = read_struct<tc_netem_qopt>(data);
    if (!basic) {
        return read;
    }
    const Attributes more(data.subspan(std::min(data.size(), sizeof(tc_netem_qopt))));
    read.queue = basic->limit == kNetemLimit ? 0 : basic->limit;
    read.loss = share_of(basic->loss);
    read.duplicate = share_of(basic->duplicate);
    const auto micros = [&](unsigned type) {
        return static_cast<std::uint32_t>(u64_of(more, type) / kNanosPerMicro);
    };
    read.delay_us = micros(TCA_NETEM_LATENCY64);
    read.jitter_us = micros(TCA_NETEM_JITTER64);
    if (const auto reorder = read_struct<tc_netem_reorder>(more.bytes(TCA_NETEM_REORDER))) {
        read.reorder = share_of(reorder->probability);
    }
    if (const auto corrupt = read_struct<tc_netem_corrupt>(more.bytes(TCA_NETEM_CORRUPT))) {
        read.corrupt = share_of(corrupt->probability);
    }
    if (const auto rate = read_struct<tc_netem_rate>(more.bytes(TCA_NETEM_RATE))) {
        read.rate_bps =
            std::max<std::uint64_t>(rate->rate, u64_of(more, TCA_NETEM_RATE64)) * kBitsPerByte;
    }
    return read;
}

} // namespace

std::uint32_t tbf_queue(std::uint32_t limit_bytes, std::uint64_t rate_bps, std::uint32_t mtu) {
    const bool usual = limit_bytes == tbf_default_limit(rate_bps / kBitsPerByte, mtu);
    return usual || mtu == 0 ? 0 : limit_bytes / mtu;
}

void encode_set_shaper(Batch& batch, const LinkShaper& shaper) {
    if (shaper.shaper == Shaper::None) {
        start_qdisc(batch, RTM_DELQDISC, 0, shaper.link_index);
        return;
    }
    start_qdisc(batch, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, shaper.link_index);
    const bool netem = shaper.shaper == Shaper::Netem;
    batch.put_text(TCA_KIND, netem ? "netem" : "tbf");
    netem ? put_netem(batch, shaper.impairment) : put_tbf(batch, shaper.impairment, shaper.mtu);
}

void encode_dump_shapers(Batch& batch) {
    batch.start<tcmsg>(RTM_GETQDISC, NLM_F_DUMP).tcm_family = AF_UNSPEC;
}

std::optional<ReadShaper> decode_shaper(const nlmsghdr* message) {
    const auto& header = *static_cast<const tcmsg*>(mnl_nlmsg_get_payload(message));
    const Attributes attributes(message, sizeof header);
    const auto kind = attributes.text(TCA_KIND);
    if (header.tcm_parent != TC_H_ROOT || (kind != "netem" && kind != "tbf")) {
        return std::nullopt;
    }
    ReadShaper read;
    read.shaper.link_index = static_cast<std::uint32_t>(header.tcm_ifindex);
    if (kind == "netem") {
        read.shaper.shaper = Shaper::Netem;
        read.shaper.impairment = read_netem(attributes.bytes(TCA_OPTIONS));
        return read;
    }
    read.shaper.shaper = Shaper::Tbf;
    const auto options = attributes.nested(TCA_OPTIONS);
    if (const auto basic = read_struct<tc_tbf_qopt>(options.bytes(TCA_TBF_PARMS))) {
        read.shaper.impairment.rate_bps =
            std::max<std::uint64_t>(basic->rate.rate, u64_of(options, TCA_TBF_RATE64)) *
            kBitsPerByte;
        read.tbf_limit_bytes = basic->limit;
    }
    return read;
}

} // namespace netemu
