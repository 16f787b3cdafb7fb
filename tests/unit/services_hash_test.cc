#include <boost/test/unit_test.hpp>

#include "services/iptables_mode.h"
#include "services/sha256.h"

using namespace services;

namespace {

std::string hex(const Sha256& digest) {
    std::string text;
    for (const auto byte : digest) {
        for (const auto half : {byte >> 4, byte & 15}) {
            text += "0123456789abcdef"[half];
        }
    }
    return text;
}

} // namespace

BOOST_AUTO_TEST_SUITE(hash)

// Vectors of FIPS 180-4 and, around the padding's edges, of sha256sum(1).
BOOST_AUTO_TEST_CASE(known_digests) {
    BOOST_TEST(
        hex(sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    BOOST_TEST(
        hex(sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    BOOST_TEST(
        hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    BOOST_TEST(
        hex(sha256(std::string(1000000, 'a'))) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    BOOST_TEST(
        hex(sha256(std::string(55, 'x'))) ==
        "d5e285683cd4efc02d021a5c62014694958901005d6f71e89e0989fac77e4072");
    BOOST_TEST(
        hex(sha256(std::string(64, 'x'))) ==
        "7ce100971f64e7001e8fe5a51973ecdfe1ced42befe7ee8d5fd6219506b5393c");
}

BOOST_AUTO_TEST_CASE(base32_reads_five_bits_at_a_time) {
    Sha256 digest{};
    digest[0] = 0xff;
    digest[2] = 0x01;
    BOOST_TEST(base32_prefix(digest, 8) == "74AACAAA");
    BOOST_TEST(base32_prefix(sha256("abc"), 16) == "XJ4BNP4PAHH6UQKB");
}

// Chain names of kube-proxy's own tests.
BOOST_AUTO_TEST_CASE(chains_are_named_as_kube_proxy_names_them) {
    const ServicePortName name{"ns1", "svc1", "p80", Protocol::Tcp};
    BOOST_TEST(iptables_chain("KUBE-SVC-", name) == "KUBE-SVC-XPGD46QRK7WJZT7O");
    ProxyEndpoint endpoint;
    endpoint.endpoint.address = *IpAddress::parse("10.180.0.1");
    endpoint.port = 80;
    BOOST_TEST(iptables_endpoint_chain(name, endpoint) == "KUBE-SEP-SXIVWICOYRO3J4NJ");
}

BOOST_AUTO_TEST_SUITE_END()
