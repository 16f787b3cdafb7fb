#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "labctl/dataplane/http_course.h"
#include "labctl/dataplane/http_proxy.h"
#include "labctl/dataplane/upstream_exchange.h"
#include "mesh/http/message.h"

namespace labctl::dataplane {

/// The client's side of a request that is relayed: a connection of HTTP/1, or a stream of HTTP/2.
/// Its HttpRelay calls it, in the loop's thread. With `end_answer`, `answer_here`, `break_off` and
/// `end_raw` the relay is over: what it calls may let go of it (UpstreamPool::bury).
class RelayClient {
public:
    RelayClient() = default;
    RelayClient(const RelayClient&) = delete;
    RelayClient& operator=(const RelayClient&) = delete;

    /// A client that waits for it may send its body.
    virtual void invite_body() = 0;
    /// An endpoint's answer, without what frames it or concerns one connection. `ends`: of body and
    /// trailers, nothing comes but the end.
    virtual void begin_answer(mesh::Response head, bool ends) = 0;
    virtual void answer_body(std::string_view piece) = 0;
    virtual void end_answer(const mesh::Headers& trailers) = 0;
    /// An answer in the place of an endpoint's, as a whole. `may_go_on`: another request may follow
    /// on the connection, if all else is well too.
    virtual void answer_here(mesh::Response answer, bool may_go_on) = 0;
    /// The answer that has begun does not come to its end.
    virtual void break_off() = 0;
    /// The endpoint agrees to another protocol; from here on there are bytes, "" being their end.
    virtual void become_raw(const mesh::Response& head) = 0;
    virtual void answer_raw(std::string_view bytes) = 0;
    virtual void end_raw() = 0; // the endpoint's connection is gone

    virtual void flush() = 0;
    /// Whether more of an answer would wait here.
    [[nodiscard]] virtual bool is_full() const = 0;
    /// Whether to read on may have changed.
    virtual void pace() = 0;

protected:
    ~RelayClient() = default;
};

/// One request through a proxy, from its head to its place in the log, whatever versions of HTTP
/// its client and its endpoint speak: has the HttpProxy say where it goes, passes it on and its
/// answer back, piece by piece. Not to be destroyed by what it calls. Belongs to the loop's thread.
class HttpRelay {
public:
    /// All of them outlive this, or its end.
    HttpRelay(
        netemu::EventLoop& loop, HttpProxy& proxy, const HttpClient& client, RelayClient& answers);
    HttpRelay(const HttpRelay&) = delete;
    HttpRelay& operator=(const HttpRelay&) = delete;
    ~HttpRelay();

    /// `head` outlives the relay, or its end. Its body, if it has one, follows.
    void begin(const mesh::Request& head, bool has_body);
    void take_body(std::string_view piece);
    void end_request(const mesh::Headers& trailers);
    /// Of an upgraded connection.
    void take_raw(std::string_view bytes);
    void end_client_raw();
    void flush();
    /// The client has taken what it was full of.
    void client_drained();

    /// Answers in an endpoint's place, or breaks off what has begun.
    void refuse(const HttpProxy::Refusal& refusal);
    /// The same without a request: `what` has come in its place, for the log.
    void refuse_unread(const std::string& what, const HttpProxy::Refusal& refusal);
    /// Ends it, whatever it is doing: nothing is called any more, and nothing logged.
    void abandon();
    /// The client's side is no more. `status`, for the log, is that of a request that has no
    /// answer.
    void end(int status, const std::string& why);
    /// The client does not read: `why` goes to the log.
    void end(const std::string& why) { end(status_, why); }

    /// Gives up what takes too long. To be called once a second or so.
    void expire(netemu::Clock::time_point now);
    /// Whether more of the request would wait here.
    [[nodiscard]] bool is_full() const;
    /// Whether it is the client's turn to go on with its request.
    [[nodiscard]] bool waits_for_client() const;

private:
    void relay(HttpProxy::Decision decision);
    void
    exchange(std::vector<Upstream> candidates, mesh::Request sent, HttpProxy::Patience patience);

    // With an HttpCourse: http_course.cc.
    void begin_course(HttpProxy::Decision decision);
    void after_delay();
    void next_try();
    void make_try(HttpCourse::Try made);
    [[nodiscard]] bool
    tries_again(const UpstreamExchange::Failure* failure, const mesh::Response* head);
    void out_of_time(bool of_one_try);
    void keep_for_retries(std::string_view piece);

    void upstream_ready();
    void answer_head(const mesh::Response& head, bool ends);
    [[nodiscard]] mesh::Response client_head(const mesh::Response& head);
    void note_grpc(const mesh::Headers& fields);
    void answer_body(std::string_view piece);
    void answer_end(const mesh::Headers& trailers);
    void answer_failed(const UpstreamExchange::Failure& failure);
    void answer_raw(std::string_view bytes);
    void drop_exchange();
    void log(int status, const std::string& more);
    void count(int status, std::string_view more);

    /// A request that has an HttpCourse.
    struct Run {
        explicit Run(netemu::EventLoop& of_loop) : loop(of_loop) {}
        Run(const Run&) = delete;
        Run& operator=(const Run&) = delete;
        ~Run();

        netemu::EventLoop& loop;
        std::shared_ptr<HttpCourse> course;
        mesh::Request request; // with what has come of its body
        std::string story;     // without what is about one try
        bool is_kept = true;   // the body is all of that
        bool tried = false;
        netemu::EventLoop::TimerId all_timer = 0;
        netemu::EventLoop::TimerId each_timer = 0;
        netemu::EventLoop::TimerId wait_timer = 0;
    };

    netemu::EventLoop& loop_;
    HttpProxy& proxy_;
    const HttpClient& client_; // NOLINT: see the constructor
    RelayClient& answers_;     // NOLINT
    const mesh::Request* head_ = nullptr;
    bool has_body_ = false;
    bool request_complete_ = false;
    bool over_ = false;
    std::string story_;        // where it goes, for the log
    std::string body_waiting_; // the endpoint is not there yet
    mesh::Headers trailers_;
    std::uint64_t request_bytes_ = 0;
    HttpTally* tally_ = nullptr;

    std::shared_ptr<UpstreamExchange> upstream_;
    std::shared_ptr<void> lease_; // see HttpProxy::Decision
    std::vector<mesh::Header> answer_fields_;
    std::unique_ptr<Run> run_;
    bool upstream_ready_ = false;
    bool is_raw_ = false;
    int status_ = 0;
    std::size_t body_bytes_ = 0;
    std::optional<int> grpc_status_;
    netemu::Clock::time_point relayed_at_{}; // when its head was there
    netemu::Clock::time_point answered_at_{};
};

} // namespace labctl::dataplane
