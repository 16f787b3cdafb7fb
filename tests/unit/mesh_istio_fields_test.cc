#include <boost/test/unit_test.hpp>

#include "mesh/istio/field_match.h"
#include "mesh/istio/string_match.h"
#include "tests/unit/mesh_istio_fixture.h"

// NOLINTBEGIN: Boost.Test's macros
using namespace mesh_istio_test;

namespace {

struct Row {
    const char* pattern;
    const char* text;
    bool matches;
};

using FieldMember = FieldValues Source::*;

/// A positive and a negative of one field of a source, always each other's opposite for one value.
void check_source(FieldMember member, const std::string& id, const char* value, bool expected) {
    Source positive;
    (positive.*member).values = {value};
    Source negative;
    (negative.*member).not_values = {value};
    BOOST_TEST_CONTEXT(value << " and " << id) {
        BOOST_TEST(matches(from(positive), connection(id)) == expected);
        BOOST_TEST(matches(from(negative), connection(id)) != expected);
    }
}

void check_operation(FieldValues Operation::*member, const OwnedRequest& request, const Row& row) {
    Operation positive;
    (positive.*member).values = {row.pattern};
    Operation negative;
    (negative.*member).not_values = {row.pattern};
    BOOST_TEST_CONTEXT(row.pattern << " and " << row.text) {
        BOOST_TEST(matches(to(positive), connection(""), request) == row.matches);
        BOOST_TEST(matches(to(negative), connection(""), request) != row.matches);
    }
}

void check_when(
    const std::string& key, const char* value, const OwnedRequest& request, bool expected) {
    auto peer = connection(kIdA);
    peer.sni = "outbound_.80_._.web";
    BOOST_TEST_CONTEXT(key << " " << value) {
        BOOST_TEST(matches(when(key, {{value}, {}}), peer, request) == expected);
        BOOST_TEST(matches(when(key, {{}, {value}}), peer, request) != expected);
    }
}

} // namespace

BOOST_AUTO_TEST_SUITE(fields_of_authorization_policies)

BOOST_AUTO_TEST_CASE(a_star_counts_where_it_is_first_or_last) {
    for (const auto& row : {
             Row{"abc", "abc", true},   Row{"abc", "abcd", false}, Row{"abc", "ABC", false},
             Row{"abc*", "abcd", true}, Row{"abc*", "abc", true},  Row{"abc*", "ab", false},
             Row{"*abc", "xabc", true}, Row{"*abc", "abc", true},  Row{"*abc", "bc", false},
             Row{"*", "x", true},       Row{"*", "", false},       Row{"a*c", "abc", false},
             Row{"a*c", "a*c", true},   Row{"*a*", "xay", false},  Row{"*a*", "xa*", true},
             Row{"**", "x", false},     Row{"**", "x*", true},     Row{"", "", true},
             Row{"", "x", false},       Row{"abc*", "", false},
         }) {
        BOOST_TEST(matches_text(row.pattern, row.text) == row.matches, row.pattern << row.text);
    }
    BOOST_TEST(matches_text("Abc*", "aBCd", LetterCase::Ignored));
    BOOST_TEST(matches_text("*.Example", "x.eXAMPLE", LetterCase::Ignored));
}

BOOST_AUTO_TEST_CASE(wildcards_of_namespaces_are_anywhere) {
    for (const auto& row : {
             Row{"prod", "prod", true},
             Row{"prod", "prod2", false},
             Row{"p*d", "prod", true},
             Row{"p*d*", "prodx", true},
             Row{"*o*", "prod", true},
             Row{"*", "prod", true},
             Row{"p*x", "prod", false},
             Row{"p?od", "prod", false},
             Row{"*ab", "aab", true},
             Row{"a*ab", "aab", true},
             Row{"a*aab", "aab", false},
             Row{"**", "", true},
             Row{"", "", true},
             Row{"a", "", false},
         }) {
        BOOST_TEST(
            matches_wildcards(row.pattern, row.text) == row.matches, row.pattern << row.text);
    }
}

BOOST_AUTO_TEST_CASE(principals) {
    struct Principal {
        const char* value;
        std::string id;
        bool matches;
    };
    const auto dns = std::string("app.a.svc");
    for (const auto& row : {
             Principal{"cluster.local/ns/a/sa/app", kIdA, true},
             {"cluster.local/ns/a/sa/app", kIdB, false},
             {"spiffe://cluster.local/ns/a/sa/app", kIdA, false},
             {"cluster.local/ns/a/*", kIdA, true},
             {"cluster.local/ns/b/*", kIdA, false},
             {"*/sa/app", kIdA, true},
             {"*app", kIdA, true},
             {"*pp2", kIdA, false},
             {"cluster.local/*/sa/app", kIdA, false}, // a star in the middle
             {"*", kIdA, true},
             {"*", "", false}, // no identity
             {"cluster.local/ns/a/sa/app", "", false},
             {"*", dns, true}, // no URI: whatever name there is
             {"*svc", dns, false},
             {"app.a.svc", dns, false},
             {"other.domain/ns/a/sa/app", kIdA, false},
         }) {
        check_source(&Source::principals, row.id, row.value, row.matches);
        for (const bool negative : {false, true}) {
            const FieldValues values =
                negative ? FieldValues{{}, {row.value}} : FieldValues{{row.value}, {}};
            BOOST_TEST(
                matches(when("source.principal", values), connection(row.id)) ==
                (row.matches != negative));
        }
    }
}

// bundle.go
BOOST_AUTO_TEST_CASE(trust_domains_of_the_mesh_stand_for_each_other) {
    auto peer = connection("spiffe://new/ns/a/sa/app");
    peer.trust_domain = "new";
    peer.trust_domain_aliases = {"old-td"};
    const auto is = [&](const char* principal) {
        Source source;
        source.principals.values = {principal};
        return matches(from(source), peer);
    };
    for (const auto* id : {"spiffe://new/ns/a/sa/app", "spiffe://old-td/ns/a/sa/app"}) {
        peer.peer_id = id;
        BOOST_TEST(is("cluster.local/ns/a/sa/app"));
        BOOST_TEST(is("new/ns/a/sa/app"));
        BOOST_TEST(is("old-td/ns/a/sa/app"));
        BOOST_TEST(is("cluster.local/ns/a/sa/*"));
        BOOST_TEST(is("*-td/ns/a/sa/app"));
        BOOST_TEST(is("*/ns/a/sa/app"));
        BOOST_TEST(!is("cluster.local/ns/b/sa/app"));
        BOOST_TEST(!is("other/ns/a/sa/app"));
        BOOST_TEST(!is("cluster.local/ns/a/*")); // not of five parts: as it is
    }
    peer.peer_id = "spiffe://cluster.local/ns/a/sa/app"; // of another mesh
    BOOST_TEST(!is("cluster.local/ns/a/sa/app"));
    BOOST_TEST(!is("new/ns/a/sa/app"));
    BOOST_TEST(is("*/ns/a/sa/app"));
}

BOOST_AUTO_TEST_CASE(namespaces_accounts_and_trust_domains_of_identities) {
    struct Id {
        FieldMember member;
        const char* value;
        std::string id;
        bool matches;
    };
    const std::string prod = "spiffe://cluster.local/ns/prod/sa/app";
    for (const auto& row : {
             Id{&Source::namespaces, "a", kIdA, true},
             Id{&Source::namespaces, "b", kIdA, false},
             Id{&Source::namespaces, "p*d", prod, true},
             Id{&Source::namespaces, "pro", prod, false},
             Id{&Source::namespaces, "*", kIdA, true},
             Id{&Source::namespaces, "*", "", false},
             Id{&Source::namespaces, "*", "spiffe://cluster.local/other", false},
             Id{&Source::namespaces, "*", "app.a.svc", false},
             Id{&Source::namespaces, "b", "spiffe://cluster.local/ns/a/sa/x/ns/b/", false},
             Id{&Source::service_accounts, "a/app", kIdA, true},
             Id{&Source::service_accounts, "app", kIdA, false}, // of the policy's namespace: prod
             Id{&Source::service_accounts, "app", prod, true},
             Id{&Source::service_accounts, "prod/app", prod, true},
             Id{&Source::service_accounts, "prod/ap*", prod, false}, // exact only
             Id{&Source::service_accounts, "*", prod, false},
             Id{&Source::service_accounts, "prod/app", "", false},
             Id{&Source::trust_domains, "cluster.local", kIdA, true},
             Id{&Source::trust_domains, "cluster*", kIdA, true},
             Id{&Source::trust_domains, "*local", kIdA, true},
             Id{&Source::trust_domains, "*", kIdA, true},
             Id{&Source::trust_domains, "cluster", kIdA, false},
             Id{&Source::trust_domains, "*", "", false},
             Id{&Source::request_principals, "*", kIdA, false}, // there is never a token
             Id{&Source::request_principals, "iss/sub", kIdA, false},
         }) {
        check_source(row.member, row.id, row.value, row.matches);
    }
}

BOOST_AUTO_TEST_CASE(address_blocks) {
    struct Block {
        const char* value;
        const char* source;
        bool matches;
    };
    for (const auto& row : {
             Block{"10.1.0.5", "10.1.0.5", true},
             Block{"10.1.0.5", "10.1.0.6", false},
             Block{"10.1.0.0/16", "10.1.0.6", true},
             Block{"10.1.2.3/16", "10.1.0.6", true}, // host bits do not count
             Block{"10.2.0.0/16", "10.1.0.6", false},
             Block{"fd00::/8", "fd00::1", true},
             Block{"fd00::/8", "10.1.0.5", false},
             Block{"0.0.0.0/0", "fd00::1", false},
             Block{"0.0.0.0/0", "10.1.0.5", true},
         }) {
        for (const auto& member : {&Source::ip_blocks, &Source::remote_ip_blocks}) {
            Source source;
            (source.*member).values = {row.value};
            BOOST_TEST(matches(from(source), connection("", row.source)) == row.matches);
            Source negative;
            (negative.*member).not_values = {row.value};
            BOOST_TEST(matches(from(negative), connection("", row.source)) != row.matches);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_remote_address_is_the_last_one_forwarded) {
    const auto is = [](const char* address, mesh::Headers headers) {
        Source source;
        source.remote_ip_blocks.values = {address};
        OwnedRequest request;
        request.headers = std::move(headers);
        return matches(from(source), connection("", "10.1.0.5"), request);
    };
    BOOST_TEST(is("10.1.0.5", {}));
    BOOST_TEST(is("1.2.3.4", {{"X-Forwarded-For", "1.2.3.4"}}));
    BOOST_TEST(is("1.2.3.4", {{"x-forwarded-for", "9.9.9.9,  1.2.3.4 "}}));
    BOOST_TEST(!is("9.9.9.9", {{"x-forwarded-for", "9.9.9.9, 1.2.3.4"}}));
    BOOST_TEST(is("1.2.3.4", {{"x-forwarded-for", "9.9.9.9"}, {"x-forwarded-for", "1.2.3.4"}}));
    BOOST_TEST(is("10.1.0.5", {{"x-forwarded-for", "unknown"}}));
    Source direct; // is not deceived
    direct.ip_blocks.values = {"1.2.3.4"};
    OwnedRequest request;
    request.headers.add("x-forwarded-for", "1.2.3.4");
    BOOST_TEST(!matches(from(direct), connection(""), request));
}

BOOST_AUTO_TEST_CASE(hosts_methods_and_ports) {
    OwnedRequest request;
    request.authority = "Web.Example.com:8080";
    for (const auto& row : {
             Row{"web.example.com:8080", "", true},
             Row{"web.example.com", "", false}, // the port is part of it
             Row{"web.example.com*", "", true},
             Row{"*.EXAMPLE.com:8080", "", true},
             Row{"*", "", true},
             Row{"other", "", false},
         }) {
        check_operation(&Operation::hosts, request, row);
    }
    for (const auto& row : {
             Row{"GET", "", true},
             Row{"get", "", false},
             Row{"G*", "", true},
             Row{"*T", "", true},
             Row{"*", "", true},
             Row{"POST", "", false},
         }) {
        check_operation(&Operation::methods, request, row);
    }
    for (const auto& row : {Row{"8080", "", true}, Row{"80", "", false}}) {
        check_operation(&Operation::ports, request, row);
    }
}

BOOST_AUTO_TEST_CASE(paths) {
    for (const auto& row : {
             Row{"/a", "/a", true},
             Row{"/a", "/A", false},
             Row{"/a", "/a/", false},
             Row{"/a/*", "/a/b/c", true},
             Row{"*/c", "/a/b/c", true},
             Row{"*", "/", true},
             Row{"/a/*/c", "/a/b/c", false},
             Row{"/a/{*}", "/a/b", true},
             Row{"/a/{*}", "/a/b/c", false},
             Row{"/a/{*}", "/a/", false},
             Row{"/a/{*}/c", "/a/b/c", true},
             Row{"/a/{*}/c", "/a/b/d", false},
             Row{"/{*}/{*}", "/a/b", true},
             Row{"/a/{**}", "/a/b/c", true},
             Row{"/a/{**}", "/a/", true},
             Row{"/a/{**}", "/a", false},
             Row{"/{**}", "/", true},
             Row{"/a/{*}/c/{**}", "/a/b/c/", true},
             Row{"/a/{*}/c/{**}", "/a/b/c/d/e", true},
             Row{"/a/{*}/c/{**}", "/a/b/d/c/e", false},
             Row{"/a/{**}/end", "/a/b/c/end", true},
             Row{"/a/{**}/end", "/a/end", false},
             Row{"/a*{*}", "/a*b", true},
         }) {
        OwnedRequest request;
        request.path = row.text;
        check_operation(&Operation::paths, request, row);
    }
}

BOOST_AUTO_TEST_CASE(conditions) {
    OwnedRequest request;
    request.headers = {{"X-Who", "bob"}, {"x-many", "a"}, {"X-Many", "b"}, {"x-empty", ""}};
    for (const auto& [key, value, expected] :
         std::initializer_list<std::tuple<const char*, const char*, bool>>{
             {"request.headers[x-who]", "bob", true},
             {"request.headers[X-WHO]", "bob", true},
             {"request.headers[x-who]", "Bob", false},
             {"request.headers[x-who]", "b*", true},
             {"request.headers[x-who]", "*ob", true},
             {"request.headers[x-who]", "*", true},
             {"request.headers[x-many]", "a,b", true},
             {"request.headers[x-many]", "a", false},
             {"request.headers[x-empty]", "*", true}, // it is there
             {"request.headers[x-none]", "*", false},
             {"source.ip", "10.1.0.0/16", true},
             {"source.ip", "10.2.0.0/16", false},
             {"remote.ip", "10.1.0.5", true},
             {"source.namespace", "a", true},
             {"source.namespace", "b", false},
             {"source.serviceAccount", "a/app", true},
             {"source.serviceAccount", "app", false},
             {"source.trustDomain", "cluster.local", true},
             {"destination.ip", "10.1.0.9", true},
             {"destination.ip", "10.1.0.5", false},
             {"destination.port", "8080", true},
             {"destination.port", "80", false},
             {"connection.sni", "outbound_*", true},
             {"connection.sni", "web", false},
             {"request.auth.principal", "*", false},
             {"request.auth.audiences", "*", false},
             {"request.auth.presenter", "x", false},
             {"request.auth.claims[a][b]", "x", false},
         }) {
        check_when(key, value, request, expected);
    }
    for (const auto* unknown : {"source.port", "request.headers", "request.headers[]", ""}) {
        BOOST_TEST(!matches(when(unknown, {{"*"}, {}}), connection(kIdA), request), unknown);
        BOOST_TEST(!matches(when(unknown, {{}, {"x"}}), connection(kIdA), request), unknown);
    }
}

// 4.3: inside a field any value and none of the others, inside a rule everything.
BOOST_AUTO_TEST_CASE(how_fields_are_put_together) {
    const auto peer = connection(kIdA);
    Operation operation;
    operation.methods = {{"POST", "GET"}, {}};
    BOOST_TEST(matches(to(operation), peer));
    operation.methods.not_values = {"G*"};
    BOOST_TEST(!matches(to(operation), peer));
    operation.methods = {{}, {"PUT", "GET"}};
    BOOST_TEST(!matches(to(operation), peer));
    operation.methods = {{"GET"}, {}};
    operation.ports = {{"81"}, {}};
    BOOST_TEST(!matches(to(operation), peer));

    Source of_a;
    of_a.namespaces = {{"a"}, {}};
    Source of_b;
    of_b.namespaces = {{"b"}, {}};
    Operation get;
    get.methods = {{"GET"}, {}};
    Operation put;
    put.methods = {{"PUT"}, {}};
    const Condition yes{"destination.port", {{"8080"}, {}}};
    const Condition no{"destination.port", {{"81"}, {}}};
    BOOST_TEST(matches({{of_b, of_a}, {put, get}, {yes}}, peer));
    BOOST_TEST(!matches({{of_b}, {put, get}, {yes}}, peer));
    BOOST_TEST(!matches({{of_b, of_a}, {put}, {yes}}, peer));
    BOOST_TEST(!matches({{of_b, of_a}, {put, get}, {yes, no}}, peer));
    BOOST_TEST(matches(Rule{}, peer));
}

BOOST_AUTO_TEST_SUITE_END()
// NOLINTEND
