#include <random>

#include <boost/test/unit_test.hpp>

#include "mesh/tls/client_hello.h"
#include "tests/unit/mesh_tls_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace mesh;
using Found = ClientHello::Found;

namespace {

std::string number(std::size_t value, int bytes) {
    std::string text;
    for (int i = bytes - 1; i >= 0; --i) {
        text += static_cast<char>((value >> (8 * i)) & 0xffU);
    }
    return text;
}

std::string sized(const std::string& content, int length_bytes) {
    return number(content.size(), length_bytes) + content;
}

std::string extension(unsigned type, const std::string& content) {
    return number(type, 2) + sized(content, 2);
}

/// The body of a hello; nullptr: without extensions.
std::string hello_body(const std::string* extensions) {
    return std::string("\3\3", 2) + std::string(32, 'r') + sized("session", 1) +
           sized(std::string("\x13\x01", 2), 2) + sized(std::string(1, '\0'), 1) +
           (extensions == nullptr ? std::string() : sized(*extensions, 2));
}

std::string hello_message(const std::string& body) {
    return std::string(1, '\1') + sized(body, 3);
}

/// In records of at most that size.
std::string in_records(const std::string& message, std::size_t size = 16384) {
    std::string bytes;
    for (std::size_t at = 0; at < message.size(); at += size) {
        bytes += std::string("\x16\3\1", 3) + sized(message.substr(at, size), 2);
    }
    return bytes;
}

std::string names(const std::vector<std::string>& alpn) {
    std::string list;
    for (const auto& name : alpn) {
        list += sized(name, 1);
    }
    return sized(list, 2);
}

std::string hello_with(const std::string& extensions) {
    return in_records(hello_message(hello_body(&extensions)));
}

/// As OpenSSL sends it.
std::string openssl_hello(const std::string& name, const std::vector<std::string>& alpn) {
    TlsClientSettings settings;
    settings.alpn = alpn;
    TlsClientSession session(TlsClientConfig::make(std::move(settings)), name);
    return session.take_output();
}

std::vector<std::string> real_hellos() {
    return {
        openssl_hello("", {}),
        openssl_hello("web.lab", {}),
        openssl_hello("outbound_.80_._.web.shop.svc.cluster.local", {"istio"}),
        openssl_hello("a", {"h2", "http/1.1"}),
        openssl_hello(std::string(63, 'a') + "." + std::string(63, 'b'), {std::string(255, 'x')})};
}

} // namespace

BOOST_AUTO_TEST_CASE(client_hellos_say_what_they_want) {
    const struct {
        std::string name;
        std::vector<std::string> alpn;
        bool mesh;
    } cases[] = {
        {"", {}, false},
        {"web.lab", {"h2", "http/1.1"}, false},
        {"web.lab", {"istio"}, true},
        {"web.lab", {"h2", "istio-peer-exchange", "istio"}, true},
        {"web.lab", {"istio-http/1.1"}, true},
        {"web.lab", {"xistio"}, false},
        {"web.lab", {"isti"}, false}};
    for (const auto& each : cases) {
        const auto hello = read_client_hello(openssl_hello(each.name, each.alpn));
        BOOST_TEST((hello.found == Found::Complete));
        BOOST_TEST(hello.server_name == each.name);
        BOOST_TEST(hello.alpn == each.alpn);
        BOOST_TEST(hello.offers("istio") == each.mesh);
    }
    const auto none = read_client_hello(in_records(hello_message(hello_body(nullptr))));
    BOOST_TEST((none.found == Found::Complete)); // TLS 1.2 allows it
    BOOST_TEST((read_client_hello(hello_with("")).found == Found::Complete));
}

BOOST_AUTO_TEST_CASE(client_hellos_arrive_in_pieces) {
    for (const auto& bytes : real_hellos()) {
        const auto whole = read_client_hello(bytes);
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            const auto part = read_client_hello(std::string_view(bytes).substr(0, size));
            BOOST_REQUIRE((part.found == Found::Undecided));
            BOOST_REQUIRE(part.alpn.empty());
        }
        const auto more = read_client_hello(bytes + "whatever follows");
        BOOST_TEST((more.found == Found::Complete));
        BOOST_TEST(more.alpn == whole.alpn);
        // Cut into records anywhere: an ALPN that stands in two of them is found all the same.
        for (std::size_t size = 1; size < bytes.size() - 5; ++size) {
            const auto cut = read_client_hello(in_records(bytes.substr(5), size));
            BOOST_REQUIRE((cut.found == Found::Complete));
            BOOST_REQUIRE(cut.server_name == whole.server_name);
            BOOST_REQUIRE(cut.alpn == whole.alpn);
        }
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_client_hello) {
    const auto inner = [](std::size_t wrong) { return number(wrong, 2) + "abc"; };
    const struct {
        const char* what;
        std::string bytes;
        Found found;
    } cases[] = {
        {"nothing", "", Found::Undecided},
        {"HTTP", "GET / HTTP/1.1\r\n", Found::None},
        {"an alert", std::string("\x15\3\1\0\2\2\50", 7), Found::None},
        {"another major version", std::string("\x16\2\1", 3), Found::None},
        {"a ServerHello", in_records("\2" + sized("x", 3)), Found::None},
        {"an empty record", std::string("\x16\3\1\0\0", 5), Found::None},
        {"a message of 16 MB", in_records("\1\xff\xff\xff"), Found::None},
        {"a message of nothing", in_records(hello_message("")), Found::None},
        {"another record within it",
         in_records(hello_message(hello_body(nullptr)).substr(0, 9)) + std::string("\x17\3\3", 3),
         Found::None},
        {"a record that is too long",
         std::string("\x16\3\1\xff\xff", 5) + std::string(20000, 'a'),
         Found::None},
        {"records without end",
         in_records("\1" + number(16000, 3) + std::string(9000, 'x'), 1),
         Found::None},
        {"extensions that are cut",
         in_records(hello_message(hello_body(nullptr) + number(9, 2) + "abc")),
         Found::None},
        {"an extension that is cut", hello_with(number(16, 2) + inner(9)), Found::None},
        {"an extension's head that is cut", hello_with("abc"), Found::None},
        {"a session that is cut",
         in_records(hello_message(std::string("\3\3", 2) + std::string(32, 'r') + "\xff")),
         Found::None}};
    for (const auto& each : cases) {
        BOOST_TEST((read_client_hello(each.bytes).found == each.found), each.what);
    }
    // Extensions whose content makes no sense are as good as absent.
    for (const auto* content : {"", "\1", "\xff\xff", "abcdef"}) {
        const auto hello =
            read_client_hello(hello_with(extension(16, content) + extension(0, content)));
        BOOST_TEST((hello.found == Found::Complete));
        BOOST_TEST(!hello.offers("istio"));
        BOOST_TEST(hello.server_name.empty());
    }
    const auto short_list = hello_with(extension(16, names({"h2", "istio"}).substr(0, 6)));
    BOOST_TEST(!read_client_hello(short_list).offers("istio"));
}

BOOST_AUTO_TEST_CASE(client_hellos_that_are_changed_at_random) {
    std::mt19937 random(7); // NOLINT: always the same
    const auto draw = [&random](std::size_t below) {
        return std::uniform_int_distribution<std::size_t>(0, below - 1)(random);
    };
    for (const auto& bytes : real_hellos()) {
        for (int round = 0; round < 3000; ++round) {
            auto changed = bytes;
            for (auto count = draw(4) + 1; count > 0; --count) {
                const auto at = draw(changed.size());
                switch (draw(3)) {
                case 0:
                    changed[at] = static_cast<char>(draw(256));
                    break;
                case 1:
                    changed.erase(at, draw(9));
                    break;
                default:
                    changed.insert(at, std::string(draw(9), static_cast<char>(draw(256))));
                }
                if (changed.empty()) {
                    break;
                }
            }
            const auto hello = read_client_hello(changed);
            std::size_t held = hello.server_name.size();
            for (const auto& name : hello.alpn) {
                held += name.size();
            }
            BOOST_REQUIRE(held <= changed.size());
        }
    }
}
// NOLINTEND
