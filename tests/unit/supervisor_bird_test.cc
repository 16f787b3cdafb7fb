#include <boost/test/unit_test.hpp>

#include "labctl/supervisor/bird_control.h"
#include "labctl/supervisor/bird_text.h"

using namespace labctl::supervisor;

namespace {

/// As BIRD 2.0.12 wrote it to its control socket.
constexpr const char* kSaid =
    "0001 BIRD 2.0.12 ready.\n"
    "2002-Name       Proto      Table      State  Since         Info\n"
    "1002-kernel4    Kernel     master4    up     1795674215    \n"
    "1006-  Channel ipv4\n"
    "     Routes:         7 imported, 7 exported, 7 preferred\n"
    " \n"
    "1002-Mesh_172_18_0_3 BGP        ---        up     1795674216    Established   \n"
    "1006-  Description:    node-2\n"
    "   BGP state:          Established\n"
    "     Neighbor address: 172.18.0.3\n"
    "     Neighbor AS:      64513\n"
    "     Local AS:         64512\n"
    "   Channel ipv4\n"
    "     State:          UP\n"
    "     Routes:         1 imported, 2 exported, 1 preferred\n"
    " \n"
    "1002-Mesh_172_18_0_4 BGP        ---        down   1795674217    \n"
    "1006-  Description:    node-3\n"
    "   BGP state:          Down\n"
    "     Neighbor address: 172.18.0.4\n"
    "     Neighbor AS:      64512\n"
    "     Local AS:         64512\n"
    "   Last error:       Received: Administrative shutdown\n"
    " \n"
    "0000 \n"
    "1007-Table master4:\n"
    " 10.244.1.0/24        blackhole [pods4 1795674215] * (200)\n"
    "1008-\tType: static univ\n"
    "1007-10.244.2.0/24        unicast [Mesh_172_18_0_3 1795674216 from 172.18.0.2] * (100) [i]\n"
    " \tvia 172.18.0.3 on eth0\n"
    "1008-\tType: BGP univ\n"
    "1012-\tBGP.origin: IGP\n"
    " \tBGP.as_path: 64513 64514\n"
    " \tBGP.next_hop: 172.18.0.3\n"
    "1007-                     unicast [Mesh_172_18_0_4 1795674217] (100) [i]\n"
    " \tvia 172.18.0.4 on eth0\n"
    "0000 \n";

constexpr const char* kBehindDevice =
    "0001 BIRD 2.0.12 ready.\n"
    "1007-Table master4:\n"
    " 10.244.2.0/24        unicast [Mesh_172_18_0_3 1795674216] * (100) [i]\n"
    " \tdev wireguard.cali\n"
    "1007-10.244.3.0/24        unicast [Mesh_172_18_0_4 1795674216] * (100) [i]\n"
    " \tvia 172.18.0.4 on tunl0 onlink\n"
    "0000 \n";

BirdAnswer read_in_pieces(std::string_view text, std::size_t answers, std::size_t piece) {
    BirdReader reader(answers);
    for (std::size_t at = 0; at < text.size(); at += piece) {
        BOOST_TEST(!reader.complete());
        reader.feed(text.substr(at, piece));
    }
    BOOST_TEST(reader.complete());
    return reader.take();
}

} // namespace

BOOST_AUTO_TEST_SUITE(bird)

BOOST_AUTO_TEST_CASE(answers_are_complete_with_their_last_lines_in_any_pieces) {
    for (const std::size_t piece : {1U, 7U, 4096U}) {
        const auto answer = read_in_pieces(kSaid, 3, piece);
        BOOST_TEST(answer.error == "");
        BOOST_TEST(answer.lines.front().code == 2002);
        BOOST_TEST(answer.lines.back().text == "\tvia 172.18.0.4 on eth0");
    }
}

BOOST_AUTO_TEST_CASE(routes_into_tunnels_are_read) {
    const auto view = read_bird(read_in_pieces(kBehindDevice, 2, 4096).lines);
    BOOST_TEST_REQUIRE(view.routes.size() == 2U);
    BOOST_TEST(view.routes[0].interface == "wireguard.cali");
    BOOST_TEST(view.routes[0].gateways.empty());
    BOOST_TEST(view.routes[1].interface == "tunl0");
    BOOST_TEST(view.routes[1].gateways == std::vector<std::string>{"172.18.0.4"});
}

BOOST_AUTO_TEST_CASE(sessions_and_routes_are_read) {
    const auto view = read_bird(read_in_pieces(kSaid, 3, 4096).lines);
    BOOST_TEST_REQUIRE(view.sessions.size() == 2U);
    const auto& up = view.sessions[0];
    BOOST_TEST(up.protocol == "Mesh_172_18_0_3");
    BOOST_TEST(up.peer == "node-2");
    BOOST_TEST(up.address == "172.18.0.3");
    BOOST_TEST(up.as_number == 64513U);
    BOOST_TEST(up.state == "Established");
    BOOST_TEST(up.since == 1795674216);
    BOOST_TEST(up.received == 1U);
    BOOST_TEST(up.sent == 2U);
    BOOST_TEST(view.sessions[1].state == "Down");
    BOOST_TEST(view.sessions[1].error == "Received: Administrative shutdown");
    BOOST_TEST(view.sessions[1].received == 0U);
    BOOST_TEST_REQUIRE(view.routes.size() == 3U);
    BOOST_TEST(view.routes[0].type == "blackhole");
    BOOST_TEST(view.routes[0].origin == "static");
    const auto& learned = view.routes[1];
    BOOST_TEST(learned.destination.to_string() == "10.244.2.0/24");
    BOOST_TEST(learned.protocol == "Mesh_172_18_0_3");
    BOOST_TEST(learned.best);
    BOOST_TEST(learned.gateways.at(0) == "172.18.0.3");
    BOOST_TEST(learned.interface == "eth0");
    BOOST_TEST(learned.as_path == "64513 64514");
    BOOST_TEST(learned.next_hop == "172.18.0.3");
    BOOST_TEST((view.routes[2].destination == learned.destination));
    BOOST_TEST(!view.routes[2].best);
}

BOOST_AUTO_TEST_CASE(what_bird_refuses_is_an_error) {
    const auto answer = read_in_pieces(
        "0001 BIRD 2.0.12 ready.\n"
        "0002-Reading configuration from /run/bird/bird.conf\n"
        "8002 /run/bird/bird.conf:6:1 syntax error, unexpected CF_SYM_UNDEFINED\n",
        2,
        11);
    BOOST_TEST(answer.error == "/run/bird/bird.conf:6:1 syntax error, unexpected CF_SYM_UNDEFINED");
}

BOOST_AUTO_TEST_CASE(what_is_no_answer_is_passed_over) {
    BirdReader reader(2);
    reader.feed("0001 hello\nnonsense\n\n12\n+ echo\n1007-\n1006-Last error: \xff\x01\n");
    BOOST_TEST(!reader.complete());
    reader.feed("0000 \n");
    const auto answer = reader.take();
    BOOST_TEST(answer.lines.back().text == "Last error: ??");
    BOOST_TEST(read_bird(answer.lines).routes.empty());
}

BOOST_AUTO_TEST_CASE(who_does_not_listen_is_told_of_at_once) {
    const auto answers =
        ask_birds({{"/nonexistent", {"show status"}}}, std::chrono::milliseconds(60000));
    BOOST_TEST_REQUIRE(answers.size() == 1U);
    BOOST_TEST(answers[0].error.find("BIRD's control socket") == 0U);
    BOOST_TEST(answers[0].lines.empty());
}

BOOST_AUTO_TEST_SUITE_END()
