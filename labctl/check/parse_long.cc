#include <algorithm>
#include <array>
#include <functional>
#include <regex>

#include "labctl/api/fault.h"
#include "labctl/check/parse_common.h"
#include "labctl/check/problems.h"
#include "labctl/check/words.h"
#include "netemu/base/address.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::check {

namespace {

using api::Json;
using netemu::UsageError;

std::string text_of(const std::string& field, const Json& value) {
    if (!value.is_string()) {
        throw UsageError(quote(field) + " must be a string, not " + value.type_name());
    }
    return value.get<std::string>();
}

/// YAML reads `5` as a number and `5s` as a string: both are durations.
std::string scalar_of(const std::string& field, const Json& value) {
    return value.is_number() ? value.dump() : text_of(field, value);
}

std::int64_t
int_of(const std::string& field, const Json& value, std::int64_t low, std::int64_t high) {
    if (!value.is_number_integer() || value.get<std::int64_t>() < low ||
        value.get<std::int64_t>() > high) {
        throw UsageError(
            quote(field) + " must be a whole number from " + std::to_string(low) + " to " +
            std::to_string(high));
    }
    return value.get<std::int64_t>();
}

/// Reads them all before it throws what is wrong with some.
void each_entry(const Json& list, const std::function<void(const Json& entry)>& read) {
    Problems problems;
    for (const auto& entry : list) {
        problems.in({}, [&] { read(entry); });
    }
    problems.raise();
}

/// A string, or a list of strings joined with commas.
std::string list_text(const std::string& field, const Json& value) {
    if (!value.is_array()) {
        return text_of(field, value);
    }
    std::vector<std::string> parts;
    for (const auto& entry : value) {
        parts.push_back(text_of(field, entry));
    }
    return netemu::join(parts, ",");
}

std::map<std::string, std::string> map_of(const std::string& field, const Json& value) {
    if (!value.is_object()) {
        throw UsageError(quote(field) + " must be a mapping of names to strings");
    }
    std::map<std::string, std::string> result;
    Problems problems;
    for (const auto& [name, entry] : value.items()) {
        problems.in(name, [&, &key = name, &given = entry] {
            result[netemu::to_lower(key)] = scalar_of(field + "." + key, given);
        });
    }
    problems.raise();
    return result;
}

using Reader = std::function<void(const std::string& field, const Json& value)>;

[[noreturn]] void throw_unknown(
    const std::string& field, const char* where, const std::map<std::string, Reader>& readers) {
    std::vector<std::string> names;
    std::ranges::transform(
        readers, std::back_inserter(names), [](const auto& entry) { return entry.first; });
    const auto near = netemu::nearest(field, names);
    throw UsageError(
        std::string(where) + " has no field " + quote(field),
        near ? "did you mean '" + *near + "'?" : "it has " + netemu::join(names, ", "));
}

/// Calls the reader of each field. A field without one is an error, since what is misspelt would
/// silently not be tested. Throws an EntryError with all that is wrong.
void read_fields(
    const Json& mapping, const char* where, const std::map<std::string, Reader>& readers) {
    Problems problems;
    for (const auto& [name, value] : mapping.items()) {
        const auto reader = readers.find(name);
        problems.in(name, [&, &field = name, &given = value] {
            reader == readers.end() ? throw_unknown(field, where, readers)
                                    : reader->second(field, given);
        });
    }
    problems.raise();
}

/// What must not be empty, as where a variable is: it would be met by anything.
std::string filled_text(const std::string& field, const Json& value) {
    auto text = text_of(field, value);
    if (text.empty()) {
        throw UsageError(quote(field) + " is empty", "leave it out if anything will do");
    }
    return text;
}

/// A name or the like, which must not be empty: as where a variable is, something else was meant
/// than to leave it out.
std::string given_text(const std::string& field, const Json& value) {
    auto text = text_of(field, value);
    if (netemu::trim(text).empty()) {
        throw UsageError(quote(field) + " is empty", "leave it out if nothing is meant by it");
    }
    return text;
}

/// A mapping of which every entry asks for something.
std::map<std::string, std::string> filled_map(const std::string& field, const Json& value) {
    auto map = map_of(field, value);
    if (map.empty()) {
        throw UsageError(quote(field) + " is empty", "leave it out if anything will do");
    }
    return map;
}

std::string statuses_text(const std::string& field, const Json& value) {
    if (!value.is_array()) {
        return scalar_of(field, value);
    }
    std::vector<std::string> parts;
    for (const auto& entry : value) {
        parts.push_back(scalar_of(field, entry));
    }
    return netemu::join(parts, ",");
}

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
    std::map<std::string, Reader> readers;
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

Expectation read_expect(const Json& value) {
    if (value.is_number() || value.is_array()) {
        return parse_expect_word(statuses_text("expect", value));
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
    const std::map<std::string, Reader> readers{
        {"outcome", word},
        {"verdict", word},
        {"status",
         [&](const auto& f, const Json& v) {
             expect.statuses = parse_statuses(statuses_text(f, v));
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

FamilyChoice read_family(const std::string& field, const Json& value) {
    const auto text = scalar_of(field, value);
    if (text != "4" && text != "6" && text != "both") {
        throw UsageError(quote(field) + " is " + quote(text), "write 4, 6 or both");
    }
    return text == "4" ? FamilyChoice::V4 : text == "6" ? FamilyChoice::V6 : FamilyChoice::Both;
}

void read_from(const std::string& field, const Json& value, Assertion& assertion) {
    auto text = list_text(field, value);
    if (const auto at = text.find(" except "); at != std::string::npos) {
        assertion.from.except = parse_terms(std::string_view(text).substr(at + 8));
        text.resize(at);
    }
    assertion.from.terms = parse_terms(text);
    assertion.from.text = std::string(netemu::trim(text));
}

void read_to(const std::string& field, const Json& value, Assertion& assertion) {
    const auto text = list_text(field, value);
    const auto words = split_outside(text, " \t");
    if (words.size() == 2 && words[1] == "icmp") {
        assertion.to = parse_destination(words[0]);
        assertion.to.scheme = probe::Scheme::Icmp;
        if (assertion.to.url || !assertion.to.port.empty()) {
            throw UsageError("ICMP has no ports, but " + quote(text) + " names one");
        }
        assertion.to.text = text;
        return;
    }
    assertion.to = parse_destination(netemu::trim(text));
}

void read_tags(const std::string& field, const Json& value, Assertion& assertion) {
    if (!value.is_array()) {
        throw UsageError(quote(field) + " must be a list of strings");
    }
    each_entry(value, [&](const Json& entry) { assertion.tags.push_back(text_of(field, entry)); });
}

void read_during(const std::string& field, const Json& value, Assertion& assertion) {
    const auto add = [&](const Json& entry) {
        assertion.during.push_back(api::to_string(api::parse_fault(text_of(field, entry))));
    };
    if (!value.is_array()) {
        add(value);
        return;
    }
    each_entry(value, add);
}

void read_points(const std::string& field, const Json& value, Assertion& assertion) {
    constexpr double kPointsMax = 1e6;
    if (!value.is_number() || value.get<double>() < 0 || value.get<double>() > kPointsMax) {
        throw UsageError(quote(field) + " must be a number that is not negative");
    }
    assertion.points = value.get<double>();
}

/// The fields that say what is asserted.
std::map<std::string, Reader> subject_readers(Assertion& a) {
    return {
        {"name", [&a](const auto& f, const Json& v) { a.title = given_text(f, v); }},
        {"title", [&a](const auto& f, const Json& v) { a.title = given_text(f, v); }},
        {"description", [&a](const auto& f, const Json& v) { a.description = text_of(f, v); }},
        {"namespace", [&a](const auto& f, const Json& v) { a.ns = given_text(f, v); }},
        {"from", [&a](const auto& f, const Json& v) { read_from(f, v, a); }},
        {"to", [&a](const auto& f, const Json& v) { read_to(f, v, a); }},
        {"except",
         [&a](const auto& f, const Json& v) {
             std::ranges::move(parse_terms(list_text(f, v)), std::back_inserter(a.from.except));
         }},
        {"expect",
         [&a](const auto&, const Json& v) {
             auto by = std::move(a.expect.by);
             a.expect = read_expect(v);
             a.expect.by = std::move(by);
         }},
        {"by",
         [&a](const auto& f, const Json& v) { a.expect.by = parse_rule_name(text_of(f, v)); }},
        {"level", [&a](const auto& f, const Json& v) { a.level = parse_level(text_of(f, v)); }},
        {"points", [&a](const auto& f, const Json& v) { read_points(f, v, a); }},
        {"tags", [&a](const auto& f, const Json& v) { read_tags(f, v, a); }},
        {"hidden",
         [&a](const auto& f, const Json& v) {
             if (!v.is_boolean()) {
                 throw UsageError(quote(f) + " must be true or false");
             }
             a.hidden = v.get<bool>();
         }},
    };
}

/// The fields that say how it is probed.
std::map<std::string, Reader> probe_readers(Assertion& a) {
    constexpr std::int64_t kTimeoutMaxUs = 600LL * 1000000;
    return {
        {"within",
         [&a](const auto& f, const Json& v) {
             a.within_us = parse_duration_field(f, scalar_of(f, v));
         }},
        {"for",
         [&a](const auto& f, const Json& v) {
             a.for_us = parse_duration_field(f, scalar_of(f, v));
         }},
        {"timeout",
         [&a](const auto& f, const Json& v) {
             const auto us = parse_duration_field(f, scalar_of(f, v));
             if (us < 1000 || us > kTimeoutMaxUs) {
                 throw UsageError("'timeout' must be from 1ms to 10m");
             }
             a.timeout_ms = us / 1000;
         }},
        {"family", [&a](const auto& f, const Json& v) { a.family = read_family(f, v); }},
        {"count",
         [&a](const auto& f, const Json& v) {
             a.count = static_cast<std::uint32_t>(int_of(f, v, 1, 1000000));
         }},
        {"method", [&a](const auto& f, const Json& v) { a.method = given_text(f, v); }},
        {"headers", [&a](const auto& f, const Json& v) { a.headers = map_of(f, v); }},
        {"body", [&a](const auto& f, const Json& v) { a.body = text_of(f, v); }},
        {"ca", [&a](const auto& f, const Json& v) { a.ca = given_text(f, v); }},
        {"sourcePort",
         [&a](const auto& f, const Json& v) {
             a.source_port = static_cast<std::uint16_t>(int_of(f, v, 1, 65535));
         }},
        {"via", [&a](const auto& f, const Json& v) { a.via = given_text(f, v); }},
        {"during", [&a](const auto& f, const Json& v) { read_during(f, v, a); }},
    };
}

/// `path` needs the target, and a mapping has no order, so it is applied last.
void apply_path(const Json& mapping, Assertion& assertion) {
    const auto found = mapping.find("path");
    if (found == mapping.end()) {
        return;
    }
    const auto path = text_of("path", *found);
    if (!path.starts_with('/')) {
        throw UsageError("'path' must begin with '/'");
    }
    if (assertion.to.url || !probe::is_http(assertion.to.scheme)) {
        throw UsageError("'path' goes with a target of the form NAME:PORT/http, https or grpc");
    }
    if (assertion.to.scheme == probe::Scheme::Grpc) {
        (void)probe::Target::parse("grpc://host:1" + path);
    }
    assertion.to.path = path;
}

/// Without those that a misspelt one is for.
std::vector<std::string>
lacking_fields(const Json& mapping, const std::map<std::string, Reader>& readers) {
    std::vector<std::string> lacking;
    for (const char* field : {"from", "to", "expect"}) {
        const auto meant = [&](const auto& entry) {
            return !readers.contains(entry.first) &&
                   netemu::nearest(entry.first, std::vector<std::string>{field});
        };
        const auto& fields = mapping.get_ref<const Json::object_t&>();
        if (!mapping.contains(field) && std::ranges::none_of(fields, meant)) {
            lacking.push_back(quote(field));
        }
    }
    return lacking;
}

} // namespace

Assertion parse_long(const Json& mapping, const std::string& ns) {
    if (mapping.size() == 1 && mapping.begin().key().find("->") != std::string::npos) {
        throw UsageError(
            "this reads as a mapping, because of a colon followed by a space",
            "put the assertion in quotes, and write NAME:PORT without a space");
    }
    Assertion assertion;
    assertion.ns = ns;
    auto readers = subject_readers(assertion);
    readers.merge(probe_readers(assertion));
    readers["path"] = [](const auto&, const Json&) {};
    Problems problems;
    problems.in({}, [&] { read_fields(mapping, "an assertion", readers); });
    if (auto lacking = lacking_fields(mapping, readers); !lacking.empty()) {
        problems.add({}, "the assertion lacks " + netemu::join(lacking, ", "));
    }
    // What follows looks at several fields: where one of them is wrong, it would be a guess.
    const bool readable = std::ranges::none_of(
        std::array{"", "from", "to", "expect", "by", "count", "ca"},
        [&problems](const char* field) { return problems.about(field); });
    if (readable) {
        problems.in({}, [&] { finish(assertion); });
        problems.in("path", [&] { apply_path(mapping, assertion); });
    }
    problems.raise();
    if (assertion.title.empty()) {
        // Named like the short form that would say the same.
        assertion.title =
            assertion.from.text + " -> " + assertion.to.text + " " + assertion.expect.text;
        if (!assertion.during.empty()) {
            assertion.title += " during " + netemu::join(assertion.during, ", ");
        }
    }
    return assertion;
}

} // namespace labctl::check
