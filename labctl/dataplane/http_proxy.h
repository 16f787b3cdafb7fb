#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "labctl/dataplane/client_stream.h"
#include "labctl/dataplane/upstream_exchange.h"
#include "mesh/http/message.h"
#include "netemu/base/address.h"

namespace labctl::dataplane {

/// Counts requests of one kind. Outlives all connections of its proxy.
class HttpTally {
public:
    HttpTally() = default;
    HttpTally(const HttpTally&) = delete;
    HttpTally& operator=(const HttpTally&) = delete;
    virtual ~HttpTally() = default;

    /// How a request has ended.
    struct Done {
        int status = 0;
        bool grpc = false;
        std::optional<int> grpc_status{}; // that the answer or its trailers have told
        std::uint64_t request_bytes = 0;  // of bodies
        std::uint64_t response_bytes = 0;
        std::chrono::microseconds first_byte{0}; // of the answer, after the request's head
        std::chrono::microseconds all{0};
        std::string_view flags{}; // of an HttpCourse
        std::string_view told{};  // why, as in the log; "": all went well
    };
    virtual void count(const Done& done) = 0;
};

/// Who has connected to a proxy, and where to.
struct HttpClient {
    netemu::Endpoint address;
    std::uint16_t port = 0;
    bool tls = false;
    bool http2 = false;                    // what it speaks
    netemu::Endpoint target{};             // of a sidecar: where the client meant to connect to
    std::optional<std::string> identity{}; // that it has proved: a SPIFFE ID, or a DNS name
    std::string server_name{};             // SNI
    std::string certificate{};             // XFCC's element about its certificate
    HttpTally* tally = nullptr;            // of its requests, where it is the same for all
};

class HttpCourse;

/// What an HttpRelay does not know by itself: where requests go, what is said in their place,
/// and who keeps a record. One proxying pod has one, or one for each direction. Its members are
/// called by connections and relays, in the loop's thread, and may not end them.
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
        std::string body{};    // for the client, where it is not made of the text
        std::vector<mesh::Header> fields{}; // of the answer, besides
    };
    struct Decision {
        std::string story;                // the request and where it goes, for the log
        std::vector<Upstream> candidates; // not empty: it goes there, tried in this order
        mesh::Request head;               // as it goes there
        Refusal refusal;                  // else
        std::shared_ptr<void> lease{};    // kept while the request is under way
        /// Fields of the answer that comes from there, in place of others of their names.
        std::vector<mesh::Header> answer_fields{};
        /// If there is one, it says what happens with `head`, in the place of `candidates`.
        std::shared_ptr<HttpCourse> course{};
        HttpTally* tally = nullptr; // null: nobody counts
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
    /// Changes the head of an answer on its way to the client, so long after the request.
    virtual void edit_answer(mesh::Response& /*head*/, std::chrono::milliseconds /*took*/) const {}

    virtual void
    log(const HttpClient& client, const std::string& what, int status, std::size_t body_bytes) = 0;
    /// How long endpoints may take.
    using Patience = UpstreamExchange::Patience;
    [[nodiscard]] virtual Patience patience() const { return {}; }
    [[nodiscard]] virtual UpstreamPool& pool() = 0;
    /// Raised and lowered by its connections.
    [[nodiscard]] virtual std::size_t& connections() = 0;

protected:
    ~HttpProxy() = default;
};

} // namespace labctl::dataplane
