#include "labctl/dataplane/dns_upstream.h"

#include <algorithm>

#include "dns/late_answer.h"
#include "dns/message.h"
#include "netemu/base/error.h"

namespace labctl::dataplane {

UpstreamZone::UpstreamZone(
    const std::string& zone, const Faults& faults, std::shared_ptr<dns::Upstream> world)
    : zone_(dns::Name(), zone, "upstream"), world_(std::move(world)) {
    for (const auto& [text, fault] : faults) {
        const auto name = dns::Name::parse(text);
        if (!name) {
            throw netemu::Error("the upstream is to fail '" + text + "', which is no name");
        }
        faults_.emplace_back(*name, fault);
    }
}

/// That of the longest name.
DnsFault UpstreamZone::fault_of(const dns::Name& name) const {
    auto fault = DnsFault::None;
    std::size_t longest = 0;
    for (const auto& [where, what] : faults_) {
        if (name.is_within(where) && where.wire().size() > longest) {
            longest = where.wire().size();
            fault = what;
        }
    }
    return fault;
}

dns::Handled UpstreamZone::handle(
    const dns::QueryView& query,
    const dns::Client& client,
    std::span<std::uint8_t> out,
    dns::ReplyMaker& replies) {
    const dns::Question question{query.name(), query.type, query.klass};
    dns::Message response;
    switch (fault_of(question.name)) {
    case DnsFault::Silence:
        return {};
    case DnsFault::ServFail:
        response.rcode = dns::Rcode::ServFail;
        break;
    case DnsFault::Refused:
        response.rcode = dns::Rcode::Refused;
        break;
    case DnsFault::None:
        response = zone_.answer(question).value();
        if (world_ && response.rcode == dns::Rcode::NxDomain) {
            return dns::answer_when_found(query, client, out, replies, [&](dns::Done done) {
                world_->query(dns::ask_of(query, client), std::move(done));
            });
        }
        break;
    }
    response.question = question;
    response.flags = dns::flag::kResponse | dns::flag::kRecursionAvailable;
    const auto wire = dns::encode_response(query, response, std::min(client.limit, out.size()));
    std::copy(wire.begin(), wire.end(), out.begin());
    return {wire.size(), response.rcode, {dns::Source::File, {}}};
}

} // namespace labctl::dataplane
