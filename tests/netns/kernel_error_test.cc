#include <boost/test/unit_test.hpp>

#include "netemu/base/error.h"
#include "tests/netns/kernel_fixture.h"

using namespace netemu;
using namespace netemu::test;

namespace {

struct ErrorFixture : KernelFixture {
    ErrorFixture() {
        create({"node/a"});
        apply({CreateLink{"node/a", bridge("br0", 2)}});
    }

    /// The error that `operations` end with must hold each of `words`.
    template <class E = SysError>
    void expect(std::vector<Operation> operations, const std::vector<std::string>& words) {
        try {
            apply(std::move(operations));
        } catch (const E& error) {
            const std::string text = error.what();
            for (const std::string& word : words) {
                BOOST_TEST(text.find(word) != std::string::npos, word << " is not in: " << text);
            }
            return;
        }
        BOOST_ERROR("no error of the expected kind");
    }
};

std::string home() {
    return run_in(-1, {"readlink", "/proc/self/ns/net"}).out;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(kernel_errors, ErrorFixture)

BOOST_AUTO_TEST_CASE(the_kernels_words_and_the_operation_are_told) {
    expect({CreateLink{"node/a", bridge("br0", 3)}}, {"node/a", "br0", "File exists"});
    auto tiny = bridge("br1", 3);
    tiny.mtu = 20;
    expect({CreateLink{"node/a", tiny}}, {"br1", "Invalid argument", "kernel: mtu less"});
    expect(
        {AddRoute{"node/a", {prefix("10.5.0.0/16"), ip("10.99.0.1"), "br0", false}}},
        {"node/a", "10.5.0.0/16", "Nexthop has invalid gateway"});
    expect(
        {AddAddress{"node/a", "br0", prefix("10.1.0.1/24")},
         AddAddress{"node/a", "br0", prefix("10.1.0.1/24")}},
        {"10.1.0.1/24", "File exists"});
}

BOOST_AUTO_TEST_CASE(the_right_one_of_a_batch_is_blamed) {
    std::vector<Operation> operations;
    for (int i = 2; i < 60; ++i) {
        const auto text = "10.1." + std::to_string(i) + ".1/24";
        operations.emplace_back(AddAddress{"node/a", "br0", prefix(text.c_str())});
        if (i == 40) {
            operations.emplace_back(operations.back());
        }
    }
    expect(operations, {"10.1.40.1/24"});
}

BOOST_AUTO_TEST_CASE(thousands_of_refusals_are_one_error) {
    constexpr std::size_t kRefusals = 5000;
    std::vector<Operation> operations;
    operations.reserve(kRefusals);
    for (std::size_t i = 0; i < kRefusals; ++i) {
        operations.emplace_back(
            AddRoute{"node/a", {prefix("10.5.0.0/16"), ip("10.99.0.1"), "br0", false}});
    }
    expect(operations, {"10.5.0.0/16"});
    apply({AddAddress{"node/a", "br0", prefix("10.1.0.1/24")}}); // the socket is usable
}

BOOST_AUTO_TEST_CASE(names_that_are_not_there) {
    expect<Error>({CreateLink{"node/z", bridge("br0", 3)}}, {"node/z"});
    expect<Error>({DeleteNamespace{"node/z"}}, {"node/z"});
    expect<Error>({AddAddress{"node/a", "br7", prefix("10.1.0.1/24")}}, {"node/a", "br7"});
    expect<Error>({CreateLink{"node/a", veth("veth0", 5, "pod/none")}}, {"pod/none", "veth0"});
    auto port = veth("veth0", 5, "node/a");
    port.master = "br9";
    expect<Error>({CreateLink{"node/a", port}}, {"br9"});
    expect<Error>({CreateNamespace{"node/a", NamespaceRole::Node, {}}}, {"node/a", "already"});
    BOOST_CHECK_THROW(kernel->open_socket("node/z", AF_INET, SOCK_DGRAM, 0), Error);
}

BOOST_AUTO_TEST_CASE(a_sysctl_that_is_not_there) {
    expect(
        {CreateNamespace{"node/b", NamespaceRole::Node, {{"net/ipv4/no_such", "1"}}}},
        {"node/b", "/proc/sys/net/ipv4/no_such", "No such file"});
    BOOST_TEST(kernel->namespace_fd("node/b") == -1);
}

BOOST_AUTO_TEST_CASE(the_thread_is_home_after_an_error_and_in_progress_reports) {
    const std::string before = home();
    expect(
        {CreateNamespace{"node/b", NamespaceRole::Node, {{"net/ipv4/no_such", "1"}}}}, {"no_such"});
    BOOST_TEST(home() == before);
    Plan plan;
    for (int i = 0; i < 130; ++i) {
        plan.operations.emplace_back(
            CreateNamespace{"pod/p/" + std::to_string(i), NamespaceRole::Pod, {}});
    }
    std::vector<std::size_t> reports;
    kernel->apply(plan, [&](std::size_t done) {
        reports.push_back(done);
        BOOST_TEST(home() == before);
    });
    BOOST_REQUIRE(!reports.empty());
    BOOST_TEST(reports.back() == 130U);
    BOOST_TEST(std::is_sorted(reports.begin(), reports.end()));
    BOOST_TEST(home() == before);
}

BOOST_AUTO_TEST_CASE(what_was_done_before_an_error_stays_and_is_seen) {
    expect(
        {AddAddress{"node/a", "br0", prefix("10.1.0.1/24")},
         AddRoute{"node/a", {prefix("10.5.0.0/16"), ip("10.99.0.1"), "br0", false}}},
        {"10.5.0.0/16"});
    const auto addresses = kernel->observe().namespaces.at("node/a").links.at("br0").addresses;
    BOOST_REQUIRE_EQUAL(addresses.size(), 1U);
    BOOST_TEST(addresses[0].to_string() == "10.1.0.1/24");
}

BOOST_AUTO_TEST_SUITE_END()
