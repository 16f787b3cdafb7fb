#include <array>
#include <stdexcept>

#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "labctl/supervisor/api_server.h"
#include "netemu/base/process.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace labctl::supervisor;

// Whatever a handler throws is an answer: a mistake in one must not end the lab.
BOOST_AUTO_TEST_CASE(what_a_handler_throws_is_an_answer) {
    netemu::EventLoop loop;
    ApiServer server(loop, [](const ApiRequest& request, const ExchangePtr&) {
        if (request.path.at(0) == "json") {
            (void)request.json().at("nothing");
        }
        if (request.path.at(0) == "usage") {
            throw netemu::UsageError("that makes no sense");
        }
        throw std::out_of_range("map::at");
    });
    netemu::SocketPair pair(SOCK_STREAM);
    server.adopt(std::move(pair.first), {});
    const auto ask = [&](const std::string& path) {
        const auto request =
            "POST /" + path + " HTTP/1.1\r\nhost: lab\r\ncontent-length: 2\r\n\r\n{}";
        BOOST_REQUIRE(::send(pair.second.get(), request.data(), request.size(), 0) > 0);
        std::array<char, 4096> buffer{};
        while (::recv(pair.second.get(), buffer.data(), buffer.size() - 1, MSG_DONTWAIT) < 0) {
            loop.run_once(std::chrono::seconds(1));
        }
        return std::string(buffer.data());
    };
    BOOST_TEST(ask("usage").find("HTTP/1.1 422") == 0U);
    BOOST_TEST(ask("json").find("HTTP/1.1 422") == 0U);
    const auto mistake = ask("other");
    BOOST_TEST(mistake.find("HTTP/1.1 500") == 0U, mistake);
    BOOST_TEST(mistake.find("map::at") != std::string::npos, mistake);
    BOOST_TEST(ask("usage").find("HTTP/1.1 422") == 0U); // it goes on
}
// NOLINTEND
