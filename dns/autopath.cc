#include "dns/autopath.h"

#include <algorithm>

namespace dns {

Autopath::Autopath(
    AutopathConfig config, const ClusterZone& zone, const std::vector<std::string>& host_search)
    : config_(std::move(config)), zone_(zone) {
    for (const auto& text : host_search) {
        if (const auto name = Name::parse(text)) {
            host_search_.push_back(*name);
        }
    }
}

std::vector<Name>
Autopath::candidates(const Question& question, const netemu::IpAddress& client) const {
    const bool address = question.type == static_cast<std::uint16_t>(Type::A) ||
                         question.type == static_cast<std::uint16_t>(Type::Aaaa);
    const auto in = [&question](const Name& zone) { return question.name.is_within(zone); };
    const auto ns = zone_.namespace_of(client);
    if (!address || ns.empty() || !std::any_of(config_.zones.begin(), config_.zones.end(), in)) {
        return {};
    }
    const auto& domain = zone_.options().domain;
    const auto services = Name::from_wire(std::string("\3svc", 4) + domain.wire());
    const auto own = Name::parse(ns);
    const auto first = own ? own->under(services) : std::nullopt;
    if (!first || !question.name.is_within(*first) ||
        question.name.wire().size() == first->wire().size()) {
        return {};
    }
    const auto base = Name::from_wire(
        question.name.wire().substr(0, question.name.wire().size() - first->wire().size()) +
        std::string(1, '\0'));
    std::vector<Name> names{question.name};
    std::vector<Name> path{services, domain};
    path.insert(path.end(), host_search_.begin(), host_search_.end());
    path.emplace_back(); // as it is
    for (const auto& suffix : path) {
        if (const auto name = base.under(suffix)) {
            names.push_back(*name);
        }
    }
    return names;
}

Message Autopath::redirect(const Question& question, const Name& found, Message response) {
    if (!found.equals(question.name)) {
        Record alias;
        alias.owner = question.name;
        alias.type = static_cast<std::uint16_t>(Type::Cname);
        alias.ttl = response.answers.empty() ? 0 : response.answers[0].ttl;
        alias.rdata = found.wire();
        response.answers.insert(response.answers.begin(), std::move(alias));
    }
    response.question = question;
    return response;
}

} // namespace dns
