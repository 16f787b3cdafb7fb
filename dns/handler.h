#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "dns/counters.h"
#include "dns/origin.h"
#include "dns/query.h"
#include "netemu/base/address.h"

namespace dns {

/// Who asks, and how much may be answered.
struct Client {
    netemu::Endpoint address;
    Transport transport = Transport::Udp;
    std::size_t limit = 0; // bytes of the answer
};

/// Takes the bytes of an answer that comes later; calling it after the client has gone is fine. An
/// empty answer means that there is none.
using Reply = std::function<void(Bytes answer, Rcode rcode, const Origin& origin)>;

/// Makes a Reply for the query that is being handled; called only when the answer has to wait, so
/// that the others cost no allocation.
class ReplyMaker {
public:
    ReplyMaker() = default;
    ReplyMaker(const ReplyMaker&) = delete;
    ReplyMaker& operator=(const ReplyMaker&) = delete;
    virtual ~ReplyMaker() = default;
    virtual Reply later() = 0;
};

/// An answer that is there at once, or none (`size` 0): then either `later` was called, or the
/// query is to be dropped.
struct Handled {
    std::size_t size = 0;
    Rcode rcode = Rcode::NoError;
    Origin origin{};
};

/// What stands behind a server: from a well-formed query to an answer.
class Handler {
public:
    Handler() = default;
    Handler(const Handler&) = delete;
    Handler& operator=(const Handler&) = delete;
    virtual ~Handler() = default;

    /// Tells of packets that are about to come to `handle` one by one, as they lie on the wire and
    /// unchecked, so that what their answers need can be fetched from memory meanwhile.
    virtual void expect(std::span<const Bytes> /*packets*/) {}
    /// Writes at most client.limit bytes into `out`, or keeps `replies.later()` and writes nothing.
    /// `query` and its packet are valid during the call only.
    virtual Handled handle(
        const QueryView& query,
        const Client& client,
        std::span<std::uint8_t> out,
        ReplyMaker& replies) = 0;
};

} // namespace dns
