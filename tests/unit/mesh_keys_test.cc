#define BOOST_TEST_MODULE mesh_keys
#include <string>

#include <boost/test/unit_test.hpp>

#include "mesh/x25519.h"

using namespace mesh;

namespace {

X25519Key key_from(const std::string& hex) {
    X25519Key key{};
    for (std::size_t i = 0; i < key.size(); ++i) {
        key.at(i) = static_cast<std::uint8_t>(std::stoul(hex.substr(2 * i, 2), nullptr, 16));
    }
    return key;
}

} // namespace

// RFC 7748, section 6.1.
BOOST_AUTO_TEST_CASE(public_keys_are_those_of_the_examples) {
    const auto bob = key_from("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    BOOST_TEST(
        (x25519_public_key(bob) ==
         key_from("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")));
}

BOOST_AUTO_TEST_CASE(a_pair_belongs_together_and_no_two_are_alike) {
    const auto one = make_x25519_pair();
    const auto other = make_x25519_pair();
    BOOST_TEST((one.public_key == x25519_public_key(one.private_key)));
    BOOST_TEST((one.private_key != other.private_key));
    BOOST_TEST((one.public_key != other.public_key));
    BOOST_TEST((one.private_key.front() & 7U) == 0U); // RFC 7748, section 5
    BOOST_TEST((one.private_key.back() & 0xc0U) == 0x40U);
}
