/// The resolver in a pod, section 7.3: which queries it sends for a name.
#include <boost/test/unit_test.hpp>

#include "dns/stub.h"
#include "tests/unit/dns_fixture.h"

using namespace dns;
using namespace test;

namespace {

const ResolvConf kPod{
    {"10.96.0.10"},
    {"prod.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example"},
    {"ndots:5"}};
const std::vector<std::uint16_t> kBoth{1, 28};

using Stub = StubResolver;

/// The names that are asked when `answer` says what happens to each.
std::vector<std::string>
asked(Stub& stub, const std::function<std::vector<Stub::Answer>(const std::string&)>& answer) {
    std::vector<std::string> names;
    while (const auto step = stub.next()) {
        names.push_back(step->name.to_string());
        stub.answered(answer(names.back()));
    }
    return names;
}

std::vector<Stub::Answer> both(Rcode rcode) {
    return {{1, false, rcode, {}}, {28, false, rcode, {}}};
}

std::vector<Stub::Answer> address_only(const std::string& text, Rcode other = Rcode::NoError) {
    const auto record = Record{name(text), 1, 1, 30, std::string("\1\2\3\4", 4)};
    return {{1, false, Rcode::NoError, {record}}, {28, false, other, {}}};
}

} // namespace

BOOST_AUTO_TEST_SUITE(stub)

BOOST_AUTO_TEST_CASE(outside_name_takes_ten_queries) {
    Stub stub("api.example.com", kPod, kBoth);
    const auto names = asked(stub, [](const std::string& text) {
        return text == "api.example.com." ? address_only(text) : both(Rcode::NxDomain);
    });
    const std::vector<std::string> wanted{
        "api.example.com.prod.svc.cluster.local.",
        "api.example.com.svc.cluster.local.",
        "api.example.com.cluster.local.",
        "api.example.com.corp.example.",
        "api.example.com."};
    BOOST_TEST(names == wanted, boost::test_tools::per_element());
    BOOST_TEST((stub.outcome() == Stub::Outcome::Found));
    BOOST_TEST(stub.records().size() == 1U);
}

BOOST_AUTO_TEST_CASE(own_and_other_namespace) {
    Stub own("web", kPod, kBoth);
    BOOST_TEST(own.next()->name.to_string() == "web.prod.svc.cluster.local.");
    Stub other("web.dev", kPod, kBoth);
    BOOST_TEST(other.candidates().at(1).to_string() == "web.dev.svc.cluster.local.");
}

BOOST_AUTO_TEST_CASE(dots_decide) {
    Stub dotted("a.b.c.d.e.f", kPod, kBoth);
    BOOST_TEST(dotted.candidates().at(0).to_string() == "a.b.c.d.e.f.");
    BOOST_TEST(dotted.candidates().size() == 5U);
    Stub full("api.example.com.", kPod, kBoth);
    BOOST_TEST(full.candidates().size() == 1U);
    const ResolvConf one{{}, {"x"}, {}};
    Stub glibc("a.b", one, kBoth);
    BOOST_TEST(glibc.candidates().at(0).to_string() == "a.b.");
    BOOST_TEST(glibc.candidates().size() == 2U);
    Stub musl("a.b", one, kBoth, Stub::Flavour::Musl);
    BOOST_TEST(musl.candidates().size() == 1U);
    Stub bad("a..b", kPod, kBoth);
    BOOST_TEST((bad.outcome() == Stub::Outcome::NotFound));
    BOOST_TEST(!bad.next());
}

BOOST_AUTO_TEST_CASE(no_data_goes_on_in_glibc_and_ends_it_in_musl) {
    for (const auto flavour : {Stub::Flavour::Glibc, Stub::Flavour::Musl}) {
        Stub stub("web", kPod, {28}, flavour);
        const auto names = asked(stub, [](const std::string& text) {
            const bool own = text == "web.prod.svc.cluster.local.";
            return std::vector<Stub::Answer>{
                {28, false, own ? Rcode::NoError : Rcode::NxDomain, {}}};
        });
        BOOST_TEST(names.size() == (flavour == Stub::Flavour::Glibc ? 5U : 1U));
        BOOST_TEST((stub.outcome() == Stub::Outcome::NoData));
    }
}

BOOST_AUTO_TEST_CASE(failures) {
    Stub glibc("web", kPod, kBoth);
    BOOST_TEST(asked(glibc, [](const auto&) { return both(Rcode::ServFail); }).size() == 5U);
    BOOST_TEST((glibc.outcome() == Stub::Outcome::TryAgain));
    Stub musl("web", kPod, kBoth, Stub::Flavour::Musl);
    BOOST_TEST(asked(musl, [](const auto&) { return both(Rcode::ServFail); }).size() == 1U);
    BOOST_TEST((musl.outcome() == Stub::Outcome::TryAgain));
    Stub silent("web", kPod, kBoth);
    const auto silence = [](const auto&) {
        return std::vector<Stub::Answer>{
            {1, true, Rcode::NoError, {}}, {28, true, Rcode::NoError, {}}};
    };
    BOOST_TEST(asked(silent, silence).size() == 1U);
    BOOST_TEST((silent.outcome() == Stub::Outcome::TryAgain));
    Stub nowhere("web", kPod, kBoth);
    BOOST_TEST(asked(nowhere, [](const auto&) { return both(Rcode::NxDomain); }).size() == 5U);
    BOOST_TEST((nowhere.outcome() == Stub::Outcome::NotFound));
}

BOOST_AUTO_TEST_CASE(a_wrong_rcode_for_aaaa_hides_the_address_from_musl) { // section 5.3
    const auto half = [](const std::string& text) { return address_only(text, Rcode::NxDomain); };
    Stub glibc("web", kPod, kBoth);
    BOOST_TEST(asked(glibc, half).size() == 1U);
    BOOST_TEST((glibc.outcome() == Stub::Outcome::Found));
    Stub musl("web", kPod, kBoth, Stub::Flavour::Musl);
    (void)asked(musl, half);
    BOOST_TEST((musl.outcome() == Stub::Outcome::NotFound));
}

BOOST_AUTO_TEST_SUITE_END()
