#include "labctl/dataplane/dns_trace.h"

#include "dns/rdata.h"
#include "dns/types.h"

namespace labctl::dataplane {
namespace {

constexpr std::size_t kShortRecord = 32; // lengths, type and time to live
constexpr std::size_t kStepsMax = 400;   // more than 33 names, 2 types, 3 servers and 2 attempts

} // namespace

std::vector<probe::DnsAnswer>
answer_texts(const std::vector<dns::Record>& records, std::size_t& room) {
    std::vector<probe::DnsAnswer> answers;
    for (const auto& record : records) {
        probe::DnsAnswer answer{
            record.owner.to_string(),
            dns::type_text(record.type),
            record.ttl,
            dns::rdata_text(record)};
        const auto bytes = answer.name.size() + answer.data.size() + kShortRecord;
        if (bytes > room) {
            break;
        }
        room -= bytes;
        answers.push_back(std::move(answer));
    }
    return answers;
}

std::optional<std::size_t> DnsTrace::sent(
    const Lookup& lookup,
    const dns::Name& name,
    std::uint16_t type,
    std::uint16_t id,
    std::size_t server) {
    if (!lookup.trace || steps_.size() >= kStepsMax) {
        return std::nullopt;
    }
    auto& step = steps_.emplace_back();
    step.name = name.to_string();
    step.type = dns::type_text(type);
    step.server = lookup.servers.at(server).to_string();
    step.tcp = lookup.tcp;
    step.id = id;
    starts_.push_back(netemu::Clock::now());
    return steps_.size() - 1;
}

void DnsTrace::over_tcp(std::optional<std::size_t> step) {
    if (step) {
        steps_.at(*step).tcp = true;
    }
}

void DnsTrace::ended(
    std::optional<std::size_t> step,
    const std::string& rcode,
    const std::vector<dns::Record>& answers) {
    if (!step || !steps_.at(*step).rcode.empty()) {
        return;
    }
    steps_[*step].rcode = rcode;
    steps_[*step].rtt_us = netemu::micros_since(starts_[*step]);
    steps_[*step].answers = answer_texts(answers, room_);
}

} // namespace labctl::dataplane
