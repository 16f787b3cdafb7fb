#include "dns/hosts.h"

#include <algorithm>

#include "dns/rdata.h"
#include "netemu/base/text.h"

namespace dns {

Name reverse_name(const netemu::IpAddress& address) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (auto i = address.size(); i-- > 0;) {
        const unsigned byte = address.bytes()[i];
        if (address.is_v4()) {
            text += std::to_string(byte) + ".";
        } else {
            text += kDigits[byte & 15U];
            text += '.';
            text += kDigits[byte >> 4U];
            text += '.';
        }
    }
    return Name::parse(text + (address.is_v4() ? "in-addr.arpa" : "ip6.arpa")).value();
}

Message local_response(const Question& question, Rcode rcode) {
    Message message;
    message.flags = flag::kResponse | flag::kAuthoritative;
    message.rcode = rcode;
    message.question = question;
    return message;
}

HostsTable::HostsTable(const HostsConfig& config, std::string_view text) : config_(config) {
    for (const auto line : netemu::split(text, '\n')) {
        add_line(line);
    }
    for (const auto& line : config.lines) {
        add_line(line);
    }
}

void HostsTable::add_line(std::string_view line) {
    line = line.substr(0, line.find('#'));
    std::optional<netemu::IpAddress> address;
    for (auto& word : record_words(line)) {
        if (!address) {
            address = netemu::IpAddress::parse(word);
            if (!address) {
                return;
            }
            continue;
        }
        const auto name = Name::parse(word);
        const auto in = [&name](const Name& zone) { return name->is_within(zone); };
        if (!name || !std::any_of(config_.zones.begin(), config_.zones.end(), in)) {
            continue;
        }
        auto& list = addresses_[name->lower().wire()];
        if (std::find(list.begin(), list.end(), *address) == list.end()) {
            list.push_back(*address);
        }
        if (!config_.no_reverse) {
            names_[reverse_name(*address).wire()].push_back(*name);
        }
    }
}

std::optional<Message> HostsTable::reverse(const Question& question) const {
    const auto found = names_.find(question.name.lower().wire());
    if (found == names_.end()) {
        return std::nullopt; // whatever fallthrough says (coredns plugin/hosts)
    }
    auto response = local_response(question);
    for (const auto& name : found->second) {
        response.answers.push_back(
            {question.name,
             static_cast<std::uint16_t>(Type::Ptr),
             static_cast<std::uint16_t>(Class::In),
             config_.ttl_s,
             name.wire()});
    }
    return response;
}

std::optional<Message> HostsTable::answer(const Question& question) const {
    if (question.type == static_cast<std::uint16_t>(Type::Ptr)) {
        return reverse(question);
    }
    const auto in = [&question](const Name& zone) { return question.name.is_within(zone); };
    if (!std::any_of(config_.zones.begin(), config_.zones.end(), in)) {
        return std::nullopt;
    }
    const auto found = addresses_.find(question.name.lower().wire());
    if (found == addresses_.end()) {
        return config_.through.covers(question.name)
                   ? std::nullopt
                   : std::optional(local_response(question, Rcode::ServFail));
    }
    auto response = local_response(question);
    for (const auto& address : found->second) {
        const auto type = static_cast<std::uint16_t>(address.is_v4() ? Type::A : Type::Aaaa);
        if (type == question.type) {
            response.answers.push_back(
                {question.name,
                 type,
                 static_cast<std::uint16_t>(Class::In),
                 config_.ttl_s,
                 address_rdata(address)});
        }
    }
    return response;
}

} // namespace dns
