#include <map>

#include <boost/test/unit_test.hpp>

#include "mesh/http/h2_streams.h"
#include "tests/unit/http_h2_frames.h"

// NOLINTBEGIN: Boost.Test's macros
namespace {

using namespace h2_frames;
using mesh::H2Streams;
using mesh::Headers;
using mesh::Request;
using mesh::Response;
using Role = H2Streams::Role;

constexpr std::int64_t kNotReset = -1;

/// What one side has been told of a stream.
struct Told {
    std::optional<Request> request;
    std::optional<Response> response;
    bool head_ended = false;
    std::string body;
    std::size_t pieces = 0;
    std::optional<Headers> end;
    std::int64_t reset = kNotReset; // the code
    int drained = 0;
    bool closed = false;
};

/// One side of a connection, which writes down what it is told and may do something about it.
struct Side : mesh::H2Listener {
    explicit Side(Role role, H2Streams::Options options = {}) : streams(role, *this, options) {}

    void on_h2_request(std::int32_t stream, const Request& head, bool ends) override {
        told[stream].request = head;
        told[stream].head_ended = ends;
        order += "q";
        if (at_request) {
            at_request(stream);
        }
    }
    void on_h2_response(std::int32_t stream, const Response& head, bool ends) override {
        told[stream].response = head;
        told[stream].head_ended = ends;
        order += "r";
        if (at_response) {
            at_response(stream);
        }
    }
    void on_h2_body(std::int32_t stream, std::string_view piece) override {
        told[stream].body += piece;
        ++told[stream].pieces;
        if (at_body) {
            at_body(stream);
        }
    }
    void on_h2_end(std::int32_t stream, const Headers& trailers) override {
        told[stream].end = trailers;
        order += "e";
        if (at_end) {
            at_end(stream);
        }
    }
    void on_h2_reset(std::int32_t stream, std::uint32_t code) override {
        told[stream].reset = code;
        order += "x";
        if (at_reset) {
            at_reset(stream);
        }
    }
    void on_h2_drained(std::int32_t stream) override {
        ++told[stream].drained;
        if (at_drained) {
            at_drained(stream);
        }
    }

    void on_h2_too_large(std::int32_t stream) override {
        order += "l";
        Response refusal;
        refusal.status = 431;
        streams.respond(stream, refusal, true);
    }
    void on_h2_closed(std::int32_t stream) override { told[stream].closed = true; }

    virtual ~Side() = default;

    using Act = std::function<void(std::int32_t stream)>;
    std::map<std::int32_t, Told> told;
    std::string order; // of heads, ends and resets
    Act at_request, at_response, at_body, at_end, at_reset, at_drained;
    H2Streams streams;
};

Request get(const std::string& target = "/") {
    Request request;
    request.target = target;
    request.headers = {{"Host", "backend"}};
    return request;
}

Request post() {
    auto request = get("/upload");
    request.method = "POST";
    return request;
}

/// A client and a server, back to back.
struct Pair {
    Side client;
    Side server;

    explicit Pair(H2Streams::Options of_server = {}, H2Streams::Options of_client = {})
        : client(Role::Client, of_client), server(Role::Server, of_server) {
        turn();
    }

    /// Until neither has anything to say.
    void turn() {
        for (bool busy = true; busy;) {
            const auto up = client.streams.take_output();
            BOOST_REQUIRE(server.streams.feed(up));
            const auto down = server.streams.take_output();
            BOOST_REQUIRE(client.streams.feed(down));
            busy = !up.empty() || !down.empty();
        }
    }

    std::int32_t ask(const Request& head, bool ends = true) {
        const auto stream = client.streams.request(head, "http", ends);
        turn();
        return stream;
    }
};

const std::string kSettingsFrame = frame(kSettings, 0, 0, "");

struct Server final : Side {
    explicit Server(H2Streams::Options options = {}) : Side(Role::Server, options) {
        BOOST_REQUIRE(streams.feed(client_opening()));
        (void)streams.take_output();
    }
    /// Whether the connection goes on.
    bool take(const std::string& bytes) {
        (void)streams.feed(bytes);
        output = streams.take_output();
        return !streams.broken();
    }
    std::string output; // of the last bytes
};

struct Client final : Side {
    explicit Client(const std::string& settings = kSettingsFrame, H2Streams::Options options = {})
        : Side(Role::Client, options) {
        BOOST_REQUIRE(streams.feed(settings));
        (void)streams.take_output();
    }
    bool take(const std::string& bytes) {
        (void)streams.feed(bytes);
        output = streams.take_output();
        return !streams.broken();
    }
    std::int32_t ask(const Request& head, bool ends = true) {
        const auto stream = streams.request(head, "http", ends);
        output = streams.take_output();
        return stream;
    }
    std::string output;
};

} // namespace

BOOST_AUTO_TEST_CASE(h2_streams_a_request_and_its_answer) {
    Pair pair;
    auto head = get("/a?b=c");
    head.headers.add("X-User", "j");
    head.headers.add("Connection", "close");
    head.headers.add("Transfer-Encoding", "chunked");
    head.headers.add("TE", "gzip, trailers");
    const auto stream = pair.ask(head);
    const auto& asked = pair.server.told[stream];
    BOOST_REQUIRE(asked.request.has_value());
    BOOST_TEST(asked.head_ended);
    BOOST_TEST(!asked.end.has_value()); // the head has said it
    BOOST_TEST(asked.request->method == "GET");
    BOOST_TEST(asked.request->target == "/a?b=c");
    BOOST_TEST(asked.request->headers.get("host") == "backend");
    BOOST_TEST(asked.request->headers.get("x-user") == "j");
    BOOST_TEST(asked.request->headers.get("te") == "trailers"); // RFC 9113 section 8.2.2
    BOOST_TEST(asked.request->headers.size() == 3U);

    Response answer;
    answer.status = 404;
    answer.headers = {{"Server", "s"}, {"Keep-Alive", "timeout=1"}, {"Upgrade", "h2c"}};
    pair.server.streams.respond(stream, answer, true);
    pair.turn();
    const auto& answered = pair.client.told[stream];
    BOOST_REQUIRE(answered.response.has_value());
    BOOST_TEST(answered.head_ended);
    BOOST_TEST(answered.response->status == 404);
    BOOST_TEST((answered.response->headers == Headers{{"server", "s"}}));
    BOOST_TEST(pair.client.order + pair.server.order == "rq");
    BOOST_TEST(pair.client.streams.open_streams() + pair.server.streams.open_streams() == 0U);
    BOOST_TEST(!pair.client.streams.finished());
}

BOOST_AUTO_TEST_CASE(h2_streams_bodies_go_both_ways_in_pieces_with_trailers) {
    Pair pair;
    const auto stream = pair.ask(post(), false);
    auto& asked = pair.server.told[stream];
    BOOST_TEST(!asked.head_ended);
    BOOST_TEST(asked.request->headers.get("transfer-encoding") == "chunked");
    Response answer;
    answer.headers = {{"Content-Length", "4"}};
    pair.server.streams.respond(stream, answer, false); // before it has the whole request
    for (const char* piece : {"ab", "", "cd"}) {
        pair.client.streams.send_body(stream, piece);
        pair.server.streams.send_body(stream, piece);
        pair.turn();
    }
    BOOST_TEST(asked.body == "abcd");
    BOOST_TEST(asked.pieces == 2U);
    BOOST_TEST(!asked.end.has_value());
    pair.client.streams.end(stream, {{"X-Sum", "1"}});
    pair.server.streams.end(stream, {{"Grpc-Status", "0"}, {"x", "y"}});
    pair.client.streams.send_body(stream, "behind the end");
    pair.turn();
    BOOST_REQUIRE(asked.end.has_value());
    BOOST_TEST(asked.end->get("x-sum") == "1");
    const auto& answered = pair.client.told[stream];
    BOOST_TEST(answered.body == "abcd");
    BOOST_TEST(!answered.response->headers.has("transfer-encoding")); // its length is known
    BOOST_REQUIRE(answered.end.has_value());
    BOOST_TEST((*answered.end == Headers{{"grpc-status", "0"}, {"x", "y"}}));
    BOOST_TEST(pair.client.order + pair.server.order == "reqe");
    BOOST_TEST(pair.client.streams.open_streams() + pair.server.streams.open_streams() == 0U);
}

BOOST_AUTO_TEST_CASE(h2_streams_a_body_and_its_end_before_the_answers_head_was_sent) {
    Pair pair;
    pair.server.at_request = [&](std::int32_t stream) {
        pair.server.streams.respond(stream, {}, false);
        pair.server.streams.send_body(stream, "all");
        pair.server.streams.end(stream, {});
        pair.server.streams.respond(stream, {}, true); // only once
    };
    const auto stream = pair.ask(get());
    BOOST_TEST(pair.client.told[stream].body == "all");
    BOOST_TEST((pair.client.told[stream].end == Headers()));
    BOOST_TEST(pair.client.order == "re");
}

BOOST_AUTO_TEST_CASE(h2_streams_calls_about_streams_that_are_not_there_do_nothing) {
    Pair pair;
    auto& streams = pair.server.streams;
    for (const std::int32_t stream : {-1, 0, 1, 2, 99}) {
        streams.respond(stream, {}, true);
        streams.send_body(stream, "x");
        streams.end(stream, {});
        streams.pause(stream, true);
        streams.pause(stream, false);
        streams.reset(stream, mesh::kH2Cancel);
        BOOST_TEST(streams.unsent(stream) == 0U);
        BOOST_TEST(!streams.full(stream));
    }
    BOOST_TEST(streams.take_output().empty());
}

BOOST_AUTO_TEST_CASE(h2_streams_many_streams_are_told_apart) {
    Pair pair;
    std::vector<std::int32_t> streams;
    for (int i = 0; i < 20; ++i) {
        streams.push_back(pair.client.streams.request(post(), "https", false));
        pair.client.streams.send_body(streams.back(), std::to_string(i));
    }
    pair.turn();
    for (int i = 19; i >= 0; --i) {
        const auto stream = streams[static_cast<std::size_t>(i)];
        BOOST_TEST(pair.server.told[stream].body == std::to_string(i));
        pair.server.streams.respond(stream, {}, false);
        pair.server.streams.send_body(stream, "of " + std::to_string(i));
        pair.server.streams.end(stream, {});
        pair.client.streams.end(stream, {});
    }
    pair.turn();
    for (std::size_t i = 0; i < 20; ++i) {
        BOOST_TEST(pair.client.told[streams[i]].body == "of " + std::to_string(i));
        BOOST_TEST(pair.client.told[streams[i]].end.has_value());
    }
}

// --- byte by byte, from frames made by hand

// nghttp2 counts the pieces in which the head of a CONTINUATION frame comes as frames, and of those
// it takes few.
BOOST_AUTO_TEST_CASE(h2_streams_server_reads_a_head_of_many_frames_in_pieces) {
    Server server;
    const auto head = request_head() + field("x", "y");
    const auto bytes = frame(kHeaders, kEndStream, 1, head.substr(0, 7)) +
                       frame(kContinuation, 0, 1, head.substr(7, 20)) +
                       frame(kContinuation, kEndHeaders, 1, head.substr(27));
    for (std::size_t at = 0; at < bytes.size(); at += 5) {
        BOOST_TEST(server.order == "");
        BOOST_REQUIRE(server.streams.feed(bytes.substr(at, 5)));
    }
    BOOST_TEST(server.order == "q");
    BOOST_TEST(server.told[1].request->headers.get("x") == "y");
}

BOOST_AUTO_TEST_CASE(h2_streams_server_reads_frames_byte_by_byte) {
    Server server;
    const auto head = request_head("POST", "/up") + field("cookie", "a=1") +
                      field("cookie", "b=2") + field("host", "other") + field("x", "y");
    const auto bytes = frame(kHeaders, kEndHeaders, 1, head) + frame(kData, 0, 1, "ab") +
                       frame(kData, 8, 1, std::string("\3cd", 3) + std::string(3, '\0')) + // padded
                       frame(kHeaders, kEndHeaders | kEndStream, 1, field("x-sum", "4"));
    for (const char c : bytes) {
        BOOST_REQUIRE(server.streams.feed({&c, 1}));
    }
    const auto& told = server.told[1];
    BOOST_REQUIRE(told.request.has_value());
    BOOST_TEST(told.request->target == "/up");
    BOOST_TEST(told.request->headers.get("cookie") == "a=1; b=2");
    BOOST_TEST(told.request->headers.count("cookie") == 1U);
    BOOST_TEST(told.request->headers.get("host") == "backend"); // :authority wins
    BOOST_TEST(told.request->headers.count("host") == 1U);
    BOOST_TEST(told.body == "abcd");
    BOOST_REQUIRE(told.end.has_value());
    BOOST_TEST((*told.end == Headers{{"x-sum", "4"}}));
    BOOST_TEST(server.order == "qe");
}

BOOST_AUTO_TEST_CASE(h2_streams_client_reads_frames_byte_by_byte) {
    Client client;
    const auto stream = static_cast<std::uint32_t>(client.ask(get()));
    BOOST_TEST(frames(client.output, kHeaders, stream).size() == 1U);
    const auto bytes =
        frame(kHeaders, kEndHeaders, stream, field(":status", "100")) +
        frame(kHeaders, kEndHeaders, stream, field(":status", "103") + field("link", "</x>")) +
        frame(kHeaders, kEndHeaders, stream, field(":status", "200") + field("x", "y")) +
        frame(kData, 0, stream, "body") + frame(kData, kEndStream, stream, "");
    for (const char c : bytes) {
        BOOST_REQUIRE(client.streams.feed({&c, 1}));
    }
    const auto& told = client.told[1];
    BOOST_REQUIRE(told.response.has_value());
    BOOST_TEST(told.response->status == 200);
    BOOST_TEST(!told.response->headers.has("link")); // of an interim answer
    BOOST_TEST(told.response->headers.get("transfer-encoding") == "chunked");
    BOOST_TEST(told.body == "body");
    BOOST_TEST(client.order == "re");
    BOOST_TEST(client.streams.open_streams() == 0U);
}

BOOST_AUTO_TEST_CASE(h2_streams_an_answer_of_trailers_alone) {
    Client client;
    client.ask(post(), false);
    BOOST_REQUIRE(client.take(frame(
        kHeaders,
        kEndHeaders | kEndStream,
        1,
        field(":status", "200") + field("grpc-status", "12") + field("grpc-message", "no"))));
    BOOST_TEST(client.told[1].head_ended);
    BOOST_TEST(client.told[1].response->headers.get("grpc-status") == "12");
    BOOST_TEST(client.told[1].reset == kNotReset);
    BOOST_REQUIRE(client.take(frame(kRstStream, 0, 1, u32(mesh::kH2NoError)))); // RFC 9113 8.1
    BOOST_TEST(client.told[1].reset == mesh::kH2NoError); // it may stop sending
    client.streams.send_body(1, "rest");
    BOOST_TEST(client.streams.take_output().empty());
}

BOOST_AUTO_TEST_CASE(h2_streams_an_answer_may_be_announced) {
    Server server;
    const auto expecting = request_head("POST") + field("expect", "100-continue");
    BOOST_REQUIRE(server.take(frame(kHeaders, kEndHeaders, 1, expecting)));
    server.streams.inform(1, 100);
    auto heads = frames(server.streams.take_output(), kHeaders, 1);
    BOOST_REQUIRE(heads.size() == 1U);
    BOOST_TEST((heads[0].flags & kEndStream) == 0);
    BOOST_REQUIRE(server.take(frame(kData, kEndStream, 1, "body")));
    BOOST_TEST(server.told[1].body == "body");
    server.streams.respond(1, {}, true);
    server.streams.inform(1, 103); // too late
    server.streams.inform(3, 100);
    heads = frames(server.streams.take_output(), kHeaders, 1);
    BOOST_REQUIRE(heads.size() == 1U);
    BOOST_TEST((heads[0].flags & kEndStream) != 0);
}

BOOST_AUTO_TEST_CASE(h2_streams_a_stream_is_closed_when_all_of_it_has_gone_out) {
    Server server;
    BOOST_REQUIRE(server.take(frame(kSettings, 0, 0, setting(4, 10)))); // INITIAL_WINDOW_SIZE
    BOOST_REQUIRE(server.take(frame(kHeaders, kEndHeaders | kEndStream, 1, request_head())));
    server.streams.respond(1, {}, false);
    server.streams.send_body(1, "more than ten bytes");
    server.streams.end(1, {});
    (void)server.streams.take_output();
    BOOST_TEST(!server.told[1].closed);
    BOOST_TEST(server.streams.unsent(1) == 9U);
    BOOST_REQUIRE(server.take(frame(kWindowUpdate, 0, 1, u32(9))));
    BOOST_TEST(server.told[1].closed);
    BOOST_TEST(server.order == "q");
}

BOOST_AUTO_TEST_CASE(h2_streams_an_early_answer_asks_the_client_to_stop) {
    Server server;
    BOOST_REQUIRE(server.take(
        frame(kHeaders, kEndHeaders, 1, request_head("POST")) + frame(kData, 0, 1, "so much")));
    server.streams.respond(1, {}, false);
    server.streams.send_body(1, "enough");
    server.streams.end(1, {});
    const auto output = server.streams.take_output();
    const auto all = frames(output);
    BOOST_REQUIRE(all.size() >= 3U);
    const auto resets = frames(output, kRstStream, 1);
    BOOST_REQUIRE(resets.size() == 1U);
    BOOST_TEST(resets[0].payload == u32(mesh::kH2NoError));
    BOOST_TEST((all.back().type == kRstStream));          // behind the whole answer
    BOOST_TEST(server.told[1].reset == mesh::kH2NoError); // nothing will come any more
    BOOST_TEST(server.streams.open_streams() == 0U);
    BOOST_TEST(server.take(frame(kData, kEndStream, 1, "on its way"))); // is not held against it
    BOOST_TEST(server.told[1].body == "so much");
}

// --- flow control

BOOST_AUTO_TEST_CASE(h2_streams_a_paused_stream_stops_at_a_window_and_stops_no_other) {
    Pair pair;
    const auto slow = pair.ask(post(), false);
    const auto quick = pair.ask(post(), false);
    pair.server.streams.pause(slow, true);
    const std::string body(3U << 20U, 'x');
    pair.client.streams.send_body(slow, body);
    pair.client.streams.end(slow, {});
    pair.turn();
    const auto window = pair.server.told[slow].body.size();
    BOOST_TEST(window <= 256U << 10U);
    BOOST_TEST(window >= 64U << 10U);
    BOOST_TEST(pair.client.streams.unsent(slow) == body.size() - window);
    BOOST_TEST(pair.client.streams.full(slow));
    pair.client.streams.send_body(quick, body);
    pair.client.streams.end(quick, {});
    pair.turn();
    BOOST_TEST(pair.server.told[quick].body == body);
    BOOST_TEST(pair.server.told[quick].end.has_value());
    BOOST_TEST(pair.server.told[slow].body.size() == window);
    pair.server.streams.pause(slow, true); // again
    pair.server.streams.pause(slow, false);
    pair.turn();
    BOOST_TEST(pair.server.told[slow].body == body);
    BOOST_TEST(pair.server.told[slow].end.has_value());
    BOOST_TEST(pair.client.streams.unsent(slow) == 0U);
    BOOST_TEST(pair.client.told[slow].drained == 1);
}

BOOST_AUTO_TEST_CASE(h2_streams_paused_streams_do_not_use_up_the_connection) {
    Pair pair;
    const std::string body(1U << 20U, 'x');
    for (int i = 0; i < 90; ++i) { // 90 windows are more than what the connection has
        const auto stream = pair.ask(post(), false);
        pair.server.streams.pause(stream, true);
        pair.client.streams.send_body(stream, body);
        pair.turn();
    }
    const auto last = pair.ask(post(), false);
    pair.client.streams.send_body(last, body);
    pair.turn();
    BOOST_TEST(pair.server.told[last].body.size() == body.size());
}

BOOST_AUTO_TEST_CASE(h2_streams_pausing_from_within_each_piece_loses_nothing) {
    Pair pair;
    pair.server.at_body = [&](std::int32_t stream) { pair.server.streams.pause(stream, true); };
    const auto stream = pair.ask(post(), false);
    std::string body;
    for (int i = 0; body.size() < 2U << 20U; ++i) {
        body += std::to_string(i) + ' ';
    }
    pair.client.streams.send_body(stream, body);
    pair.client.streams.end(stream, {});
    int rounds = 0;
    for (; !pair.server.told[stream].end && rounds < 1000; ++rounds) {
        pair.server.streams.pause(stream, false);
        pair.turn();
    }
    BOOST_TEST(rounds > 4);
    BOOST_TEST(pair.server.told[stream].body == body);
}

BOOST_AUTO_TEST_CASE(h2_streams_who_feeds_as_it_drains_sends_all_and_keeps_little) {
    Pair pair;
    constexpr std::size_t kTotal = 8U << 20U;
    const std::string piece(32U << 10U, 'x');
    std::size_t given = 0;
    std::size_t most = 0;
    const auto stream = pair.ask(post(), false);
    const auto feed = [&](std::int32_t id) {
        while (given < kTotal && !pair.client.streams.full(id)) {
            pair.client.streams.send_body(id, piece);
            given += piece.size();
            most = std::max(most, pair.client.streams.unsent(id));
        }
        if (given >= kTotal) {
            pair.client.streams.end(id, {});
        }
    };
    pair.client.at_drained = feed;
    feed(stream);
    pair.turn();
    BOOST_TEST(pair.server.told[stream].body.size() == kTotal);
    BOOST_TEST(pair.server.told[stream].end.has_value());
    BOOST_TEST(most <= mesh::kH2UnsentMax + piece.size());
}

BOOST_AUTO_TEST_CASE(h2_streams_one_output_is_no_larger_than_it_says) {
    Pair pair;
    const auto stream = pair.ask(get());
    pair.server.streams.respond(stream, {}, false);
    BOOST_REQUIRE(pair.server.streams.feed(frame(kWindowUpdate, 0, 0, u32(64U << 20U))));
    BOOST_REQUIRE(pair.server.streams.feed(
        frame(kWindowUpdate, 0, static_cast<std::uint32_t>(stream), u32(64U << 20U))));
    pair.server.streams.send_body(stream, std::string(8U << 20U, 'x'));
    const auto size = pair.server.streams.take_output().size();
    BOOST_TEST(size >= 1U << 20U);
    BOOST_TEST(size < (1U << 20U) + (64U << 10U));
}

BOOST_AUTO_TEST_CASE(h2_streams_the_peers_windows_are_kept) {
    Client client(frame(kSettings, 0, 0, setting(4, 10))); // INITIAL_WINDOW_SIZE
    client.ask(post(), false);
    client.streams.send_body(1, "0123456789abcdefghij");
    client.streams.end(1, {});
    auto data = frames(client.streams.take_output(), kData, 1);
    BOOST_REQUIRE(data.size() == 1U);
    BOOST_TEST(data[0].payload == "0123456789");
    BOOST_TEST(client.streams.take_output().empty());
    BOOST_REQUIRE(client.take(frame(kWindowUpdate, 0, 1, u32(4))));
    data = frames(client.output, kData, 1);
    BOOST_REQUIRE(data.size() == 1U);
    BOOST_TEST(data[0].payload == "abcd");
    BOOST_TEST(data[0].flags == 0);
    BOOST_REQUIRE(client.take(frame(kSettings, 0, 0, setting(4, 100))));
    data = frames(client.output, kData, 1);
    BOOST_REQUIRE(data.size() == 1U);
    BOOST_TEST(data[0].payload == "efghij");
    BOOST_TEST(data[0].flags == kEndStream);
}

// --- room

BOOST_AUTO_TEST_CASE(h2_streams_room_is_what_the_server_allows) {
    Client client(frame(kSettings, 0, 0, setting(3, 2))); // MAX_CONCURRENT_STREAMS
    BOOST_TEST(client.streams.has_room());
    client.ask(get());
    BOOST_TEST(client.streams.has_room());
    client.ask(get());
    BOOST_TEST(!client.streams.has_room());
    client.ask(get("/waits")); // its turn comes
    BOOST_TEST(frames(client.output, kHeaders, 5).empty());
    BOOST_TEST(client.streams.open_streams() == 3U);
    BOOST_REQUIRE(
        client.take(frame(kHeaders, kEndHeaders | kEndStream, 1, field(":status", "204"))));
    BOOST_TEST(frames(client.output, kHeaders, 5).size() == 1U);
    BOOST_TEST(!client.streams.has_room());
    BOOST_REQUIRE(
        client.take(frame(kHeaders, kEndHeaders | kEndStream, 3, field(":status", "204"))));
    BOOST_TEST(client.streams.has_room());
    BOOST_REQUIRE(client.take(frame(kSettings, 0, 0, setting(3, 0))));
    BOOST_TEST(!client.streams.has_room());
}

BOOST_AUTO_TEST_CASE(h2_streams_room_is_what_the_client_wants_at_most) {
    H2Streams::Options few;
    few.streams_max = 1;
    Client client(kSettingsFrame, few);
    client.ask(get());
    BOOST_TEST(!client.streams.has_room());
    client.streams.reset(1, mesh::kH2Cancel);
    BOOST_TEST(client.streams.has_room());
    Side server(Role::Server);
    BOOST_TEST(!server.streams.has_room());
}

BOOST_AUTO_TEST_CASE(h2_streams_more_streams_than_a_server_allows_are_refused) {
    H2Streams::Options few;
    few.streams_max = 1;
    Server server(few);
    BOOST_TEST(
        server.take(
            frame(kSettings, 1, 0, "") + // the client knows of the limit
            frame(kHeaders, kEndHeaders | kEndStream, 1, request_head()) +
            frame(kHeaders, kEndHeaders | kEndStream, 3, request_head())) == false);
    BOOST_TEST(server.order == "q");
}

// --- the end

BOOST_AUTO_TEST_CASE(h2_streams_goaway_refuses_what_is_above_it) {
    Client client;
    client.ask(get());
    client.ask(get());
    client.ask(post(), false);
    const auto waits = client.streams.request(get(), "http", true); // not sent yet
    BOOST_REQUIRE(client.take(frame(kGoaway, 0, 0, u32(1) + u32(mesh::kH2NoError))));
    BOOST_TEST(client.told[1].reset == kNotReset);
    BOOST_TEST(client.told[3].reset == mesh::kH2RefusedStream);
    BOOST_TEST(client.told[5].reset == mesh::kH2RefusedStream);
    BOOST_TEST(client.told[waits].reset == mesh::kH2RefusedStream);
    BOOST_TEST(frames(client.output, kHeaders, 7).empty());
    BOOST_TEST(!client.streams.has_room());
    BOOST_TEST(!client.streams.finished());
    const auto late = client.ask(get());
    BOOST_TEST(client.told[late].reset == mesh::kH2RefusedStream);
    BOOST_REQUIRE(
        client.take(frame(kHeaders, kEndHeaders | kEndStream, 1, field(":status", "204"))));
    BOOST_TEST(client.told[1].response->status == 204);
    BOOST_TEST(client.streams.finished());
    BOOST_TEST(!client.streams.broken());
}

BOOST_AUTO_TEST_CASE(h2_streams_a_server_retires_when_its_streams_are_done) {
    Pair pair;
    const auto open = pair.ask(get());
    pair.server.streams.retire();
    pair.turn();
    BOOST_TEST(!pair.client.streams.has_room());
    BOOST_TEST(!pair.server.streams.finished());
    pair.server.streams.respond(open, {}, false);
    pair.server.streams.send_body(open, "last");
    pair.server.streams.end(open, {});
    pair.turn();
    BOOST_TEST(pair.client.told[open].body == "last");
    BOOST_TEST(pair.server.streams.finished());
    BOOST_TEST(pair.client.streams.finished());
    BOOST_TEST(pair.client.told[open].reset == kNotReset);
}

BOOST_AUTO_TEST_CASE(h2_streams_a_server_that_retires_takes_no_more_streams) {
    Server server;
    BOOST_REQUIRE(server.take(frame(kHeaders, kEndHeaders | kEndStream, 1, request_head())));
    server.streams.retire();
    (void)server.streams.take_output();
    BOOST_TEST(server.take(frame(kHeaders, kEndHeaders | kEndStream, 3, request_head())));
    BOOST_TEST(server.order == "q");
}

BOOST_AUTO_TEST_CASE(h2_streams_abort_ends_all_and_tells_nothing) {
    Pair pair;
    const auto stream = pair.ask(post(), false);
    pair.server.streams.abort(mesh::kH2InternalError);
    const auto goaway = frames(pair.server.streams.take_output(), kGoaway, 0);
    BOOST_REQUIRE(goaway.size() == 1U);
    BOOST_TEST(goaway[0].payload.substr(4, 4) == u32(mesh::kH2InternalError));
    BOOST_TEST(pair.server.streams.finished());
    BOOST_TEST(!pair.server.streams.broken()); // the peer has done nothing
    BOOST_TEST(pair.server.told[stream].reset == kNotReset);
    BOOST_TEST(pair.server.streams.open_streams() == 0U);
}

BOOST_AUTO_TEST_CASE(h2_streams_reset_from_either_side) {
    Pair pair;
    const auto by_client = pair.ask(post(), false);
    const auto by_server = pair.ask(post(), false);
    pair.client.streams.send_body(by_client, "never sent");
    pair.client.streams.reset(by_client, mesh::kH2Cancel);
    pair.server.streams.reset(by_server, mesh::kH2EnhanceYourCalm);
    pair.turn();
    BOOST_TEST(pair.server.told[by_client].reset == mesh::kH2Cancel);
    BOOST_TEST(pair.server.told[by_client].body == "");
    BOOST_TEST(pair.client.told[by_client].reset == kNotReset);
    BOOST_TEST(pair.client.told[by_server].reset == mesh::kH2EnhanceYourCalm);
    BOOST_TEST(pair.server.told[by_server].reset == kNotReset);
    BOOST_TEST(mesh::h2_error_name(mesh::kH2EnhanceYourCalm) == "ENHANCE_YOUR_CALM");
    pair.server.streams.respond(by_client, {}, true);
    pair.turn();
    BOOST_TEST(!pair.client.told[by_client].response.has_value());
    const auto unsent = pair.client.streams.request(get(), "http", true);
    pair.client.streams.reset(unsent, mesh::kH2Cancel);
    BOOST_TEST(pair.client.streams.take_output().empty()); // nobody has heard of it
    BOOST_TEST(pair.client.streams.open_streams() + pair.server.streams.open_streams() == 0U);
}

BOOST_AUTO_TEST_CASE(h2_streams_a_whole_answer_and_then_a_reset_is_an_answer) {
    Client client;
    client.ask(get());
    BOOST_REQUIRE(client.take(
        frame(kHeaders, kEndHeaders | kEndStream, 1, field(":status", "204")) +
        frame(kRstStream, 0, 1, u32(mesh::kH2NoError))));
    BOOST_TEST(client.order == "r");
    client.ask(get());
    BOOST_REQUIRE(client.take(
        frame(kHeaders, kEndHeaders, 3, field(":status", "200")) + frame(kData, 0, 3, "hal") +
        frame(kRstStream, 0, 3, u32(mesh::kH2InternalError))));
    BOOST_TEST(client.told[3].reset == mesh::kH2InternalError);
    BOOST_TEST(!client.told[3].end.has_value());
}

// --- from within callbacks

BOOST_AUTO_TEST_CASE(h2_streams_everything_may_be_done_from_within_a_callback) {
    const auto acts = [](Side& side) {
        return std::vector<Side::Act>{
            [&side](std::int32_t stream) { side.streams.reset(stream, mesh::kH2Cancel); },
            [&side](std::int32_t) { side.streams.abort(mesh::kH2InternalError); },
            [&side](std::int32_t) { side.streams.retire(); },
            [&side](std::int32_t stream) {
                side.streams.pause(stream, true);
                side.streams.reset(stream, mesh::kH2Cancel);
            },
            [&side](std::int32_t stream) {
                side.streams.respond(stream, {}, false);
                side.streams.send_body(stream, std::string(1000, 'x'));
                side.streams.end(stream, {{"x", "y"}});
                side.streams.reset(stream, mesh::kH2Cancel);
            },
        };
    };
    for (Side::Act Side::*when :
         {&Side::at_request, &Side::at_body, &Side::at_end, &Side::at_reset}) {
        for (std::size_t i = 0; i < 5; ++i) {
            Server server;
            server.*when = acts(server)[i];
            (void)server.take(
                frame(kHeaders, kEndHeaders, 1, request_head("POST")) + frame(kData, 0, 1, "a") +
                frame(kData, 0, 1, "b") + frame(kRstStream, 0, 1, u32(mesh::kH2Cancel)) +
                frame(kHeaders, kEndHeaders, 3, request_head("POST")) +
                frame(kData, kEndStream, 3, "c"));
            BOOST_TEST(!server.streams.broken());
        }
    }
    for (Side::Act Side::*when :
         {&Side::at_response, &Side::at_body, &Side::at_end, &Side::at_reset}) {
        for (std::size_t i = 0; i < 4; ++i) {
            Client client;
            client.*when = acts(client)[i];
            client.ask(post(), false);
            client.ask(get());
            (void)client.take(
                frame(kHeaders, kEndHeaders, 1, field(":status", "200")) + frame(kData, 0, 1, "a") +
                frame(kRstStream, 0, 1, u32(mesh::kH2Cancel)) +
                frame(kHeaders, kEndHeaders, 3, field(":status", "200")) +
                frame(kData, kEndStream, 3, "c"));
            BOOST_TEST(!client.streams.broken());
        }
    }
}

BOOST_AUTO_TEST_CASE(h2_streams_a_new_request_from_within_a_callback) {
    Pair pair;
    pair.server.at_request = [&](std::int32_t stream) {
        pair.server.streams.respond(stream, {}, true);
    };
    int left = 50;
    pair.client.at_response = [&](std::int32_t) {
        if (--left > 0) {
            (void)pair.client.streams.request(get(), "http", true);
        }
    };
    pair.ask(get());
    BOOST_TEST(left == 0);
}

BOOST_AUTO_TEST_CASE(h2_streams_what_a_listener_throws_comes_out) {
    const auto fail = [](std::int32_t) { throw std::runtime_error("of the listener"); };
    const auto head = frame(kHeaders, kEndHeaders, 1, request_head("POST"));
    Server at_head;
    at_head.at_request = fail;
    BOOST_CHECK_THROW((void)at_head.streams.feed(head), std::runtime_error);
    Server at_body;
    at_body.at_body = fail;
    BOOST_CHECK_THROW(
        (void)at_body.streams.feed(head + frame(kData, 0, 1, "x")), std::runtime_error);
    Client at_reset; // which is told while frames are made
    at_reset.at_reset = fail;
    BOOST_REQUIRE(at_reset.streams.feed(frame(kGoaway, 0, 0, u32(0) + u32(0))));
    (void)at_reset.streams.request(get(), "http", true);
    BOOST_CHECK_THROW((void)at_reset.streams.take_output(), std::runtime_error);
}

// --- too much

BOOST_AUTO_TEST_CASE(h2_streams_a_head_that_is_too_large_can_be_answered) {
    H2Streams::Options small;
    small.head_bytes_max = 400;
    for (const bool ends : {false, true}) {
        Server server(small);
        const auto head = request_head("POST") + field("x", std::string(300, 'x'));
        BOOST_TEST(server.take(frame(kHeaders, kEndHeaders | (ends ? kEndStream : 0), 1, head)));
        BOOST_TEST(frames(server.output, kHeaders, 1).size() == 1U);
        BOOST_TEST(frames(server.output, kRstStream, 1).size() == (ends ? 0U : 1U));
        BOOST_TEST(server.take(frame(kData, kEndStream, 1, "body")) == !ends);
        BOOST_TEST(server.order == (ends ? "l" : "lx")); // the rest of it is not wanted
        BOOST_TEST(server.told[1].body == "");
        BOOST_TEST(server.told[1].closed == ends);
        BOOST_TEST(server.streams.open_streams() == 0U);
    }
    Pair pair(small);
    auto large = get();
    large.headers.add("x", std::string(1000, 'x'));
    const auto stream = pair.ask(large);
    BOOST_REQUIRE(pair.client.told[stream].response.has_value());
    BOOST_TEST(pair.client.told[stream].response->status == 431);
    const auto other = pair.ask(get());
    BOOST_TEST(pair.server.told[other].request.has_value());
}

BOOST_AUTO_TEST_CASE(h2_streams_answers_and_trailers_that_are_too_large_end_their_stream) {
    H2Streams::Options small;
    small.head_bytes_max = 400;
    const auto large = field("x", std::string(500, 'x'));
    Server server(small);
    BOOST_TEST(server.take(
        frame(kHeaders, kEndHeaders, 1, request_head("POST")) +
        frame(kHeaders, kEndHeaders | kEndStream, 1, large)));
    BOOST_TEST(server.told[1].reset == mesh::kH2EnhanceYourCalm);
    BOOST_TEST(frames(server.output, kRstStream, 1).size() == 1U);
    Client client(kSettingsFrame, small);
    client.ask(get());
    BOOST_TEST(client.take(frame(kHeaders, kEndHeaders, 1, field(":status", "200") + large)));
    BOOST_TEST(client.told[1].reset == mesh::kH2EnhanceYourCalm);
    BOOST_TEST(frames(client.output, kRstStream, 1).size() == 1U);
    BOOST_TEST(client.order == "x");
}

BOOST_AUTO_TEST_CASE(h2_streams_a_head_of_the_largest_size_goes_through) {
    Pair pair;
    auto large = get();
    large.headers.add("x", std::string(netemu::limits::kHttpHeaderBytesMax - 1000, 'x'));
    const auto stream = pair.ask(large);
    BOOST_TEST(pair.server.told[stream].request.has_value());
    Response answer;
    answer.headers = large.headers;
    pair.server.streams.respond(stream, answer, true);
    pair.turn();
    BOOST_TEST(pair.client.told[stream].response.has_value());
    large.headers.add("y", std::string(netemu::limits::kHttpHeaderBytesMax * 5, 'x'));
    const auto request = pair.ask(large); // nobody would take it
    BOOST_TEST(pair.client.told[request].reset != kNotReset);
    BOOST_TEST(pair.client.told[request].reset != mesh::kH2RefusedStream);
    const auto asked = pair.ask(get());
    answer.headers = large.headers;
    pair.server.streams.respond(asked, answer, true);
    pair.turn();
    BOOST_TEST(pair.client.told[asked].reset == mesh::kH2InternalError);
    BOOST_TEST(pair.server.told[asked].reset == mesh::kH2InternalError);
}

// --- what breaks the rules

BOOST_AUTO_TEST_CASE(h2_streams_malformed_messages_end_their_stream_untold) {
    const auto get_head = request_head();
    const std::vector<std::string> heads{
        get_head + field("Upper", "x"),
        get_head + field("connection", "close"),
        get_head + field("transfer-encoding", "chunked"),
        get_head + field("te", "gzip"),
        get_head + field("content-length", "1") + field("content-length", "2"),
        get_head + field("content-length", "-1"),
        get_head + field(":path", "/again"),
        get_head + field(":status", "200"),
        field("x", "y") + get_head,   // pseudo-header fields come first
        get_head + field("x y", "z"), // no name, and no values: RFC 9113 section 8.2.1
        get_head + field("x", "a\nb"),
        get_head + field("x", std::string("a\0b", 3)),
        field(":method", "GET") + field(":scheme", "http"),
        field(":method", "GET") + field(":scheme", "http") + field(":path", ""),
    };
    for (const auto& head : heads) {
        Server server;
        BOOST_TEST(server.take(frame(kHeaders, kEndHeaders | kEndStream, 1, head)));
        BOOST_TEST(server.order == "");
        BOOST_TEST(frames(server.output, kRstStream, 1).size() == 1U);
        BOOST_TEST(server.take(frame(kHeaders, kEndHeaders | kEndStream, 3, get_head)));
        BOOST_TEST(server.order == "q"); // the others go on
    }
    for (const auto& head :
         {field("x", "y"),
          field(":status", "99"),
          field(":status", "099"),
          field(":status", "200") + field("x", "a\rb"),
          field(":status", "101"),
          field(":status", "200") + field("connection", "close"),
          field(":status", "200") + field("content-length", "3")}) {
        Client client;
        client.ask(get());
        BOOST_TEST(
            client.take(frame(kHeaders, kEndHeaders, 1, head) + frame(kData, kEndStream, 1, "ab")));
        BOOST_TEST(client.told[1].reset != kNotReset);
        BOOST_TEST(!client.told[1].end.has_value());
    }
}

BOOST_AUTO_TEST_CASE(h2_streams_a_body_of_another_length_than_told_is_no_whole_body) {
    Server server;
    BOOST_TEST(server.take(
        frame(kHeaders, kEndHeaders, 1, request_head("POST") + field("content-length", "5")) +
        frame(kData, kEndStream, 1, "four")));
    BOOST_TEST(!server.told[1].request->headers.has("transfer-encoding"));
    BOOST_TEST(!server.told[1].end.has_value());
    BOOST_TEST(server.told[1].reset != kNotReset);
}

BOOST_AUTO_TEST_CASE(h2_streams_broken_connections_end) {
    const std::vector<std::string> rows{
        frame(kData, 0, 1, "of no stream"),
        frame(kHeaders, kEndHeaders, 2, request_head()), // an even number
        frame(kHeaders, kEndHeaders, 0, request_head()),
        frame(kHeaders, kEndHeaders | kEndStream, 1, "\xff\xff\xff\xff"), // no HPACK
        frame(kSettings, 0, 0, "short"),
        frame(kSettings, 0, 1, ""),
        frame(kPushPromise, kEndHeaders, 1, u32(2) + request_head()),
        frame(kContinuation, kEndHeaders, 1, request_head()),
        frame(kHeaders, 0, 1, request_head()) + frame(kData, 0, 1, "between"),
        frame(kWindowUpdate, 0, 0, u32(0)),
        frame(kRstStream, 0, 7, u32(0)), // of a stream that never was
        frame(kData, 0, 1, std::string(17000, 'x')),
    };
    for (const auto& row : rows) {
        Server server;
        BOOST_TEST(!server.take(row));
        BOOST_TEST(frames(server.output, kGoaway, 0).size() == 1U);
        BOOST_TEST(server.streams.finished());
        BOOST_TEST(!server.streams.feed(kSettingsFrame));
        BOOST_TEST(server.streams.take_output().empty());
        BOOST_TEST(server.order == "");
    }
    Side http1(Role::Server);
    BOOST_TEST(!http1.streams.feed("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    BOOST_TEST(http1.streams.broken());
    Side of_http1(Role::Client);
    (void)of_http1.streams.feed("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
    (void)of_http1.streams.take_output();
    BOOST_TEST(of_http1.streams.broken());
    BOOST_TEST(!of_http1.streams.has_room());
    Client pushed;
    pushed.ask(get());
    const auto push = frame(kPushPromise, kEndHeaders, 1, u32(2) + request_head());
    BOOST_TEST(!pushed.take(frame(kSettings, 1, 0, "") + push)); // it knows that none are wanted
}

BOOST_AUTO_TEST_CASE(h2_streams_upgrade_makes_the_request_stream_one) {
    Side server(Role::Server);
    BOOST_TEST(!server.streams.upgrade("not base64!", false));
    Side good(Role::Server);
    BOOST_REQUIRE(good.streams.upgrade("AAMAAABkAAQAAP__", false));
    BOOST_TEST(good.streams.open_streams() == 1U);
    BOOST_TEST(good.order == "");
    good.streams.respond(1, {}, false);
    good.streams.send_body(1, "x");
    good.streams.end(1, {});
    BOOST_REQUIRE(good.streams.feed(client_opening()));
    const auto output = good.streams.take_output();
    BOOST_TEST(frames(output, kData, 1).size() >= 1U);
    BOOST_TEST(frames(output, kRstStream, 1).empty());
    BOOST_TEST(good.streams.open_streams() == 0U);
    BOOST_TEST(good.order == "");
}

BOOST_AUTO_TEST_CASE(h2_streams_connect_has_an_authority_and_no_path) {
    Server server;
    BOOST_REQUIRE(server.take(frame(
        kHeaders, kEndHeaders, 1, field(":method", "CONNECT") + field(":authority", "db:5432"))));
    BOOST_REQUIRE(server.told[1].request.has_value());
    BOOST_TEST(server.told[1].request->target == "db:5432"); // as RFC 9112 section 3.2.3 has it
}
// NOLINTEND
