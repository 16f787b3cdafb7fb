#include "labctl/stream/upgrade.h"

#include <array>
#include <span>

#include "labctl/api/status_error.h"
#include "labctl/stream/websocket.h"
#include "mesh/http/writer.h"
#include "netemu/base/base64.h"
#include "netemu/base/error.h"

namespace labctl::stream {

namespace {

struct Offer {
    std::string_view name; // as the client writes it
    Protocol protocol;
};

// The best first. Over SPDY version 5 differs in nothing from version 4.
constexpr std::array kChannels{
    Offer{"v5.channel.k8s.io", Protocol::ChannelsV5},
    Offer{"v4.channel.k8s.io", Protocol::ChannelsV4}};
constexpr std::array kStreams{
    Offer{"v5.channel.k8s.io", Protocol::Spdy}, Offer{"v4.channel.k8s.io", Protocol::Spdy}};
constexpr std::array kTunnels{
    Offer{"SPDY/3.1+portforward.k8s.io", Protocol::SpdyTunnel},
    Offer{"v4.channel.k8s.io", Protocol::ChannelsV4}};
constexpr std::array kForwards{Offer{"portforward.k8s.io", Protocol::Spdy}};

std::span<const Offer> offers_of(Purpose purpose, bool websocket) {
    if (purpose == Purpose::Forward) {
        return websocket ? std::span<const Offer>(kTunnels) : std::span<const Offer>(kForwards);
    }
    return websocket ? std::span<const Offer>(kChannels) : std::span<const Offer>(kStreams);
}

const Offer&
choose(const mesh::Headers& headers, std::string_view field, std::span<const Offer> offers) {
    for (const auto& offer : offers) {
        if (headers.has_token(field, offer.name)) {
            return offer;
        }
    }
    std::string known;
    for (const auto& offer : offers) {
        known += (known.empty() ? "" : ", ") + std::string(offer.name);
    }
    throw api::StatusError(
        403,
        "Forbidden",
        "unable to upgrade: the client supports '" + std::string(headers.get(field)) +
            "', the server accepts " + known);
}

void check_handshake(const std::string& method, const mesh::Headers& headers) {
    constexpr std::size_t kKeyBytes = 16;
    const auto key = netemu::decode_base64(headers.get("sec-websocket-key"));
    if (method != "GET" || !key || key->size() != kKeyBytes ||
        headers.get("sec-websocket-version") != "13") {
        throw api::StatusError::bad_request(
            "unable to upgrade: this is no handshake of a WebSocket (RFC 6455)");
    }
}

std::string switching(mesh::Headers headers) {
    mesh::Response response;
    response.status = 101;
    response.headers = std::move(headers);
    return mesh::head_bytes(response);
}

} // namespace

Upgrade negotiate(const std::string& method, const mesh::Headers& headers, Purpose purpose) {
    const bool upgrades = headers.has_token("connection", "upgrade");
    if (upgrades && headers.has_token("upgrade", "websocket")) {
        check_handshake(method, headers);
        const auto& offer = choose(headers, "sec-websocket-protocol", offers_of(purpose, true));
        return {
            offer.protocol,
            switching(
                {{"Upgrade", "websocket"},
                 {"Connection", "Upgrade"},
                 {"Sec-WebSocket-Accept", websocket_accept(headers.get("sec-websocket-key"))},
                 {"Sec-WebSocket-Protocol", std::string(offer.name)}})};
    }
    if (upgrades && headers.has_token("upgrade", "SPDY/3.1")) {
        const auto& offer = choose(headers, "x-stream-protocol-version", offers_of(purpose, false));
        return {
            offer.protocol,
            switching(
                {{"Upgrade", "SPDY/3.1"},
                 {"Connection", "Upgrade"},
                 {"X-Stream-Protocol-Version", std::string(offer.name)}})};
    }
    throw api::StatusError::bad_request(
        "unable to upgrade: a client has to ask for a WebSocket or for SPDY/3.1");
}

std::string_view to_string(Protocol protocol) {
    switch (protocol) {
    case Protocol::ChannelsV4:
        return "channels-v4";
    case Protocol::ChannelsV5:
        return "channels-v5";
    case Protocol::Spdy:
        return "spdy";
    case Protocol::SpdyTunnel:
        return "spdy-tunnel";
    }
    return "";
}

Protocol parse_protocol(std::string_view text) {
    for (const auto each :
         {Protocol::ChannelsV4, Protocol::ChannelsV5, Protocol::Spdy, Protocol::SpdyTunnel}) {
        if (to_string(each) == text) {
            return each;
        }
    }
    throw netemu::Error("there is no protocol '" + std::string(text) + "'");
}

} // namespace labctl::stream
