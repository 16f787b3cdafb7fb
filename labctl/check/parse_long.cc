#include <algorithm>
#include <array>

#include "labctl/api/fault.h"
#include "labctl/check/fields.h"
#include "labctl/check/parse_common.h"
#include "labctl/check/problems.h"
#include "labctl/check/words.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::check {

namespace {

using api::Json;
using netemu::UsageError;

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
FieldReaders subject_readers(Assertion& a) {
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
             a.expect = parse_expectation(v);
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
FieldReaders probe_readers(Assertion& a) {
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
std::vector<std::string> lacking_fields(const Json& mapping, const FieldReaders& readers) {
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
