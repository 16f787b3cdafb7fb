#include "dns/late_answer.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace dns {
namespace {

/// An answer that may come inside of the call that asks for it, or later.
struct Pending {
    bool inside = true;
    std::optional<Message> result;
    Reply reply;
    std::string packet;
    std::size_t limit = 0;

    void finish(Message response) {
        if (inside) {
            result = std::move(response);
            return;
        }
        QueryView query; // NOLINT(cppcoreguidelines-pro-type-member-init): its arrays are large
        (void)parse_query(as_bytes(packet), query);
        const auto wire = encode_response(query, response, limit);
        reply(as_bytes(wire), response.rcode, response.origin);
    }
};

} // namespace

Ask ask_of(const QueryView& query, const Client& client) {
    return {
        {query.name(), query.type, query.klass},
        query.dnssec_ok,
        (query.flags & flag::kCheckingDisabled) != 0,
        client.transport};
}

Handled answer_when_found(
    const QueryView& query,
    const Client& client,
    std::span<std::uint8_t> out,
    ReplyMaker& replies,
    const std::function<void(Done done)>& ask) {
    auto pending = std::make_shared<Pending>();
    ask([pending](Message response) { pending->finish(std::move(response)); });
    pending->inside = false;
    if (pending->result) {
        const auto wire =
            encode_response(query, *pending->result, std::min(client.limit, out.size()));
        std::copy(wire.begin(), wire.end(), out.begin());
        return {wire.size(), pending->result->rcode, pending->result->origin};
    }
    pending->packet.assign(
        reinterpret_cast<const char*>(query.packet.data()), query.packet.size()); // NOLINT
    pending->limit = client.limit;
    pending->reply = replies.later();
    return {};
}

} // namespace dns
