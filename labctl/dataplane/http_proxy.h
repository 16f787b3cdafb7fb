#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "labctl/dataplane/client_stream.h"
#include "labctl/dataplane/upstream_exchange.h"
#include "mesh/http/message.h"
#include "netemu/base/address.h"

namespace labctl::dataplane {

/// Who has connected to a proxy, and where to.
struct HttpClient {
    netemu::Endpoint address;
    std::uint16_t port = 0;
    bool tls = false;
};

/// What an HttpConnection does not know by itself: where requests go, what is said in their place,
/// and who keeps a record. One proxying pod has one, or one for each direction. Its members are
/// called by connections, in the loop's thread, and may not end them.
class HttpProxy {
public:
    HttpProxy() = default;
    HttpProxy(const HttpProxy&) = delete;
    HttpProxy& operator=(const HttpProxy&) = delete;

    /// An answer that the proxy gives itself.
    struct Refusal {
        int status = 0;
        std::string text;      // why, for the log, and as the proxy likes for the client
        bool may_go_on = true; // another request may follow, if all else is well too
    };
    struct Decision {
        std::string story;                // the request and where it goes, for the log
        std::vector<Upstream> candidates; // not empty: it goes there, tried in this order
        mesh::Request head;               // as it goes there
        Refusal refusal;                  // else
    };
    [[nodiscard]] virtual Decision
    decide(const mesh::Request& request, const HttpClient& client) = 0;
    /// What to tell the client of a request that has no answer from `endpoint`.
    [[nodiscard]] virtual Refusal
    failed(const UpstreamExchange::Failure& failure, const netemu::Endpoint& endpoint) const = 0;
    /// The answer with that meaning; what concerns the connection alone is added to it. `request`
    /// is null if there was none that could be read.
    [[nodiscard]] virtual mesh::Response
    reply(const Refusal& refusal, const mesh::Request* request) const = 0;
    /// Changes the head of an answer on its way to the client.
    virtual void edit_answer(mesh::Response& /*head*/) const {}

    virtual void
    log(const HttpClient& client, const std::string& what, int status, std::size_t body_bytes) = 0;
    [[nodiscard]] virtual UpstreamPool& pool() = 0;
    /// Raised and lowered by its connections.
    [[nodiscard]] virtual std::size_t& connections() = 0;

protected:
    ~HttpProxy() = default;
};

} // namespace labctl::dataplane
