#include <array>
#include <regex>

#include "labctl/check/fields.h"
#include "labctl/check/parse_common.h"
#include "labctl/check/problems.h"
#include "labctl/check/words.h"
#include "netemu/base/address.h"
#include "netemu/base/error.h"

namespace labctl::check {

namespace {

using api::Json;
using netemu::UsageError;

void read_body(const std::string& field, const Json& value, Expectation& expect) {
    if (!value.is_object()) {
        expect.body_contains = filled_text(field, value);
        return;
    }
    if (value.empty()) {
        throw UsageError(quote(field) + " is empty", "write body: TEXT, or body: {matches: REGEX}");
    }
    read_fields(
        value,
        "expect.body",
        {{"contains",
          [&](const auto& name, const Json& v) { expect.body_contains = filled_text(name, v); }},
         {"matches",
          [&](const auto& name, const Json& v) { expect.body_matches = filled_text(name, v); }}});
    if (expect.body_matches) {
        try {
            const std::regex checked(*expect.body_matches);
        } catch (const std::regex_error&) {
            throw UsageError(quote(*expect.body_matches) + " is not a regular expression");
        }
    }
}

void read_client_ip(const std::string& field, const Json& value, Expectation& expect) {
    expect.client_ip = text_of(field, value);
    if (expect.client_ip != "preserved" && expect.client_ip != "node" &&
        !netemu::IpAddress::parse(expect.client_ip)) {
        throw UsageError(
            quote(field) + " is " + quote(expect.client_ip),
            "write preserved, node, or an address");
    }
}

void read_tls(const std::string& field, const Json& value, Expectation& expect) {
    if (!value.is_object() || value.empty()) {
        throw UsageError(
            quote(field) + " must be a mapping", "write tls: {subject: CN=web*, dnsName: web.lab}");
    }
    FieldReaders readers;
    for (const char* name : {"subject", "issuer", "dnsName", "version"}) {
        readers[name] = [&](const auto& f, const Json& v) { expect.tls[f] = filled_text(f, v); };
    }
    read_fields(value, "expect.tls", readers);
}

void read_answers(const std::string& field, const Json& value, Expectation& expect) {
    if (!value.is_array()) {
        throw UsageError(quote(field) + " must be a list");
    }
    expect.answers.emplace();
    each_entry(
        value, [&](const Json& entry) { expect.answers->push_back(filled_text(field, entry)); });
}

void read_spread(const std::string& field, const Json& value, Expectation& expect) {
    if (!value.is_object() || value.empty()) {
        throw UsageError(
            quote(field) + " must be a mapping of backends to shares",
            "write spread: {backend-1: ~50%, backend-2: ~50%}");
    }
    Problems problems;
    for (const auto& [backend, share] : value.items()) {
        problems.in(backend, [&, &name = backend, &given = share] {
            expect.spread.push_back(parse_share(name, text_of(field + "." + name, given)));
        });
    }
    problems.raise();
}

void read_word(const std::string& field, const Json& value, Expectation& expect) {
    const auto word = parse_expect_word(text_of(field, value));
    if (!word.statuses.empty() || !word.grpc.empty()) {
        throw UsageError(
            quote(field) + " is no status: write expect: {" +
            (word.grpc.empty() ? "status" : "grpc") + ": ...}");
    }
    expect.kind = word.kind;
    expect.outcome = word.outcome;
}

std::string identity_of(const std::string& field, const Json& value) {
    if (value == "") {
        throw UsageError(
            quote(field) + " is empty", "write none if nobody shall show one, or leave it out");
    }
    return text_of(field, value);
}

/// Of two names for the same only one can be meant.
void check_synonyms(const Json& expect) {
    constexpr std::array<std::pair<const char*, const char*>, 3> kSynonyms{
        {{"outcome", "verdict"}, {"header", "headers"}, {"clientIP", "sourceIP"}}};
    Problems problems;
    for (const auto& [one, other] : kSynonyms) {
        if (expect.contains(one) && expect.contains(other)) {
            problems.add(
                other, quote(other) + " is another name for " + quote(one), "write one of them");
        }
    }
    problems.raise();
}

} // namespace

Expectation parse_expectation(const Json& value) {
    if (value.is_number() || value.is_array()) {
        return parse_expect_word(scalars_text("expect", value));
    }
    if (!value.is_object()) {
        return parse_expect_word(text_of("expect", value));
    }
    if (value.empty()) {
        throw UsageError("'expect' is empty", "write expect: allow, or expect: {status: 200}");
    }
    Problems problems;
    problems.in({}, [&] { check_synonyms(value); });
    Expectation expect;
    const auto headers = [&](const auto& f, const Json& v) { expect.headers = filled_map(f, v); };
    const auto client = [&](const auto& f, const Json& v) { read_client_ip(f, v, expect); };
    const auto word = [&](const auto& f, const Json& v) { read_word(f, v, expect); };
    const FieldReaders readers{
        {"outcome", word},
        {"verdict", word},
        {"status",
         [&](const auto& f, const Json& v) {
             expect.statuses = parse_statuses(scalars_text(f, v));
         }},
        {"grpc",
         [&](const auto& f, const Json& v) { expect.grpc = parse_grpc_words(list_text(f, v)); }},
        {"body", [&](const auto& f, const Json& v) { read_body(f, v, expect); }},
        {"header", headers},
        {"headers", headers},
        {"backend", [&](const auto& f, const Json& v) { expect.backend = filled_text(f, v); }},
        {"clientIP", client},
        {"sourceIP", client},
        {"peerIdentity",
         [&](const auto& f, const Json& v) { expect.peer_identity = identity_of(f, v); }},
        {"clientIdentity",
         [&](const auto& f, const Json& v) { expect.client_identity = identity_of(f, v); }},
        {"tls", [&](const auto& f, const Json& v) { read_tls(f, v, expect); }},
        {"mtu",
         [&](const auto& f, const Json& v) {
             expect.mtu = static_cast<std::uint32_t>(
                 int_of(f, v, probe::kPacketBytesMin, probe::kPacketBytesMax - 1));
         }},
        {"spread", [&](const auto& f, const Json& v) { read_spread(f, v, expect); }},
        {"answers", [&](const auto& f, const Json& v) { read_answers(f, v, expect); }}};
    problems.in({}, [&] { read_fields(value, "expect", readers); });
    problems.raise();
    return expect;
}

} // namespace labctl::check
