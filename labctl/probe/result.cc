#include <algorithm>
#include <array>

#include "labctl/api/grpc_status.h"
#include "labctl/probe/probe.h"
#include "netemu/base/error.h"

namespace labctl::probe {
namespace {

using nlohmann::json;

constexpr int kSchemaVersion = 1;

struct OutcomeName {
    std::string_view text;
    Outcome outcome;
};

constexpr std::array<OutcomeName, 8> kOutcomes = {
    {{"ok", Outcome::Ok},
     {"refused", Outcome::Refused},
     {"unreachable", Outcome::Unreachable},
     {"timeout", Outcome::Timeout},
     {"reset", Outcome::Reset},
     {"dns-error", Outcome::DnsError},
     {"tls-error", Outcome::TlsError},
     {"unsupported", Outcome::Unsupported}}};

Outcome outcome_from(const std::string& text) {
    const auto* found = std::find_if(
        kOutcomes.begin(), kOutcomes.end(), [&text](const auto& row) { return row.text == text; });
    if (found == kOutcomes.end()) {
        throw netemu::UsageError("\"" + text + "\" is not the outcome of a probe");
    }
    return found->outcome;
}

/// A server may send any bytes; JSON text is UTF-8, so what is not is replaced here, once.
std::string as_utf8(const std::string& bytes) {
    const bool ascii = std::all_of(
        bytes.begin(), bytes.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    if (ascii) {
        return bytes;
    }
    return json::parse(json(bytes).dump(-1, ' ', false, json::error_handler_t::replace))
        .get<std::string>();
}

json to_json(const Http& http) {
    json headers = json::object();
    for (const auto& [name, value] : http.headers) {
        headers[name] = as_utf8(value);
    }
    return {{"status", http.status}, {"headers", std::move(headers)}, {"body", as_utf8(http.body)}};
}

Http http_from(const json& object) {
    Http http;
    http.status = object.value("status", 0);
    http.headers = object.value("headers", http.headers);
    http.body = object.value("body", "");
    return http;
}

json to_json(const Grpc& grpc) {
    json object = {
        {"status", grpc.status},
        {"statusName", api::grpc_status_name(grpc.status)},
        {"message", as_utf8(grpc.message)}};
    if (!grpc.health.empty()) {
        object["health"] = grpc.health;
    }
    return object;
}

Grpc grpc_from(const json& object) {
    return {object.value("status", 0), object.value("message", ""), object.value("health", "")};
}

json to_json(const Tls& tls) {
    json object = {{"dnsNames", json::array()}};
    const auto add = [&object](const char* name, const std::string& value) {
        if (!value.empty()) {
            object[name] = as_utf8(value);
        }
    };
    add("version", tls.version); // none of a handshake that failed
    add("serverName", tls.server_name);
    add("subject", tls.subject);
    add("issuer", tls.issuer);
    add("notAfter", tls.not_after);
    for (const auto& name : tls.dns_names) {
        object["dnsNames"].push_back(as_utf8(name));
    }
    return object;
}

Tls tls_from(const json& object) {
    Tls tls;
    tls.version = object.value("version", "");
    tls.server_name = object.value("serverName", "");
    tls.subject = object.value("subject", "");
    tls.issuer = object.value("issuer", "");
    tls.dns_names = object.value("dnsNames", tls.dns_names);
    tls.not_after = object.value("notAfter", "");
    return tls;
}

json to_json(const std::vector<DnsAnswer>& answers) {
    json list = json::array();
    for (const auto& answer : answers) {
        list.push_back(
            {{"name", as_utf8(answer.name)},
             {"type", answer.type},
             {"ttl", answer.ttl},
             {"data", as_utf8(answer.data)}});
    }
    return list;
}

std::vector<DnsAnswer> answers_from(const json& list) {
    std::vector<DnsAnswer> answers;
    for (const auto& entry : list) {
        answers.push_back(
            {entry.value("name", ""),
             entry.value("type", ""),
             entry.value("ttl", 0U),
             entry.value("data", "")});
    }
    return answers;
}

Drop drop_from(const json& object) {
    const auto text = [&object](const char* name) {
        const auto found = object.find(name);
        return found != object.end() && found->is_string() ? found->get<std::string>()
                                                           : std::string();
    };
    Drop drop{text("node"), text("direction"), text("by"), {}, {}, text("prefix"), text("text")};
    drop.policies = object.value("policies", drop.policies);
    if (drop.policies.empty() && !drop.by.empty()) {
        drop.policies = {drop.by};
    }
    drop.destination = text("destination");
    if (const auto rule = object.find("rule"); rule != object.end() && rule->is_number()) {
        drop.rule = rule->get<std::size_t>();
    }
    return drop;
}

/// What samples and results have in common.
void write_sample(const Sample& sample, json& object) {
    object["outcome"] = to_string(sample.outcome);
    if (!sample.remote.empty()) {
        object["remote"] = sample.remote;
    }
    if (!sample.backend.empty()) {
        object["backend"] = as_utf8(sample.backend);
    }
    if (!sample.client_ip.empty()) {
        object["clientIP"] = as_utf8(sample.client_ip);
    }
    if (sample.http) {
        object["http"] = to_json(*sample.http);
    }
    if (sample.grpc) {
        object["grpc"] = to_json(*sample.grpc);
    }
    if (sample.tls) {
        object["tls"] = to_json(*sample.tls);
    }
    if (!sample.peer_identity.empty()) {
        object["peerIdentity"] = as_utf8(sample.peer_identity);
    }
    if (!sample.client_identity.empty()) {
        object["clientIdentity"] = as_utf8(sample.client_identity);
    }
    if (!sample.rcode.empty()) {
        object["rcode"] = as_utf8(sample.rcode);
        object["answers"] = to_json(sample.answers);
    }
    if (sample.drop) {
        object["drop"] = to_json(*sample.drop);
    }
    object["error"] = sample.error.empty() ? json() : json(as_utf8(sample.error));
}

Sample read_sample(const json& object) {
    Sample sample;
    sample.outcome = outcome_from(object.at("outcome").get<std::string>());
    sample.rtt_us = object.value("rttMicros", std::uint64_t{0});
    sample.remote = object.value("remote", "");
    sample.backend = object.value("backend", "");
    sample.client_ip = object.value("clientIP", "");
    if (const auto http = object.find("http"); http != object.end()) {
        sample.http = http_from(*http);
    }
    if (const auto grpc = object.find("grpc"); grpc != object.end()) {
        sample.grpc = grpc_from(*grpc);
    }
    if (const auto tls = object.find("tls"); tls != object.end()) {
        sample.tls = tls_from(*tls);
    }
    sample.peer_identity = object.value("peerIdentity", "");
    sample.client_identity = object.value("clientIdentity", "");
    sample.rcode = object.value("rcode", "");
    if (const auto answers = object.find("answers"); answers != object.end()) {
        sample.answers = answers_from(*answers);
    }
    if (const auto drop = object.find("drop"); drop != object.end() && drop->is_object()) {
        sample.drop = drop_from(*drop);
    }
    if (const auto error = object.find("error"); error != object.end() && error->is_string()) {
        sample.error = error->get<std::string>();
    }
    return sample;
}

Result read_result(const json& object) {
    Result result;
    result.id = object.value("id", "");
    result.first = read_sample(object);
    result.resolved = object.value("resolved", "");
    result.attempts = object.value("attempts", 0U);
    result.rtt_us = object.value("rttMicros", std::uint64_t{0});
    result.elapsed_us = object.value("elapsedMicros", std::uint64_t{0});
    result.outcomes = object.value("outcomes", result.outcomes);
    result.backends = object.value("backends", result.backends);
    result.statuses = object.value("statuses", result.statuses);
    result.grpc_statuses = object.value("grpcStatuses", result.grpc_statuses);
    result.grpc_health = object.value("grpcHealth", result.grpc_health);
    result.dropped = object.value("dropped", result.first.drop ? 1U : 0U);
    for (const auto& drop : object.value("otherDrops", json::array())) {
        result.other_drops.push_back(drop_from(drop));
    }
    for (const auto& sample : object.value("samples", json::array())) {
        result.samples.push_back(read_sample(sample));
    }
    return result;
}

} // namespace

std::string to_string(Outcome outcome) {
    const auto* found =
        std::find_if(kOutcomes.begin(), kOutcomes.end(), [outcome](const auto& row) {
            return row.outcome == outcome;
        });
    return std::string(found->text);
}

std::vector<Drop> drops_of(const Result& result) {
    std::vector<Drop> drops;
    if (result.first.drop) {
        drops.push_back(*result.first.drop);
    }
    drops.insert(drops.end(), result.other_drops.begin(), result.other_drops.end());
    return drops;
}

json to_json(const Drop& drop) {
    json object = {{"node", drop.node}, {"prefix", drop.prefix}, {"text", drop.text}};
    object["direction"] = drop.direction.empty() ? json() : json(drop.direction);
    object["by"] = drop.by.empty() ? json() : json(drop.by);
    object["rule"] = drop.rule ? json(*drop.rule) : json();
    if (!drop.destination.empty()) {
        object["destination"] = drop.destination;
    }
    if (drop.policies.size() > 1) {
        object["policies"] = drop.policies;
    }
    return object;
}

json to_json(const Result& result) {
    json object = {{"id", result.id}, {"attempts", result.attempts}};
    write_sample(result.first, object);
    if (result.outcomes.contains("ok")) {
        object["rttMicros"] = result.rtt_us;
    }
    if (result.elapsed_us > 0) {
        object["elapsedMicros"] = result.elapsed_us;
    }
    if (!result.resolved.empty()) {
        object["resolved"] = result.resolved;
    }
    object["outcomes"] = result.outcomes;
    if (!result.backends.empty()) {
        object["backends"] = result.backends;
    }
    if (!result.statuses.empty()) {
        object["statuses"] = result.statuses;
    }
    if (!result.grpc_statuses.empty()) {
        object["grpcStatuses"] = result.grpc_statuses;
    }
    if (!result.grpc_health.empty()) {
        object["grpcHealth"] = result.grpc_health;
    }
    if (result.dropped > 0 && result.attempts > 1) {
        object["dropped"] = result.dropped;
    }
    for (const auto& drop : result.other_drops) {
        object["otherDrops"].push_back(to_json(drop));
    }
    for (const auto& sample : result.samples) {
        json entry = {{"rttMicros", sample.rtt_us}};
        write_sample(sample, entry);
        object["samples"].push_back(std::move(entry));
    }
    return object;
}

std::string results_text(const std::vector<Result>& results) {
    std::string text = R"({"results":[)";
    for (const auto& result : results) {
        text += to_json(result).dump();
        text += ',';
    }
    if (!results.empty()) {
        text.pop_back();
    }
    return text + R"(],"schemaVersion":)" + std::to_string(kSchemaVersion) + "}";
}

std::vector<Result> results_from_text(std::string_view text) {
    constexpr int kDepthOfResult = 2;
    std::vector<Result> results;
    bool list = false;
    const auto take = [&](int depth, json::parse_event_t event, const json& parsed) {
        if (depth == 1 && event == json::parse_event_t::key) {
            list = parsed == "results";
        }
        if (!list || depth != kDepthOfResult || event != json::parse_event_t::object_end) {
            return true;
        }
        results.push_back(result_from_json(parsed));
        return false; // the document need not keep it
    };
    try {
        const auto document = json::parse(text, take);
        if (!document.is_object() || !document.contains("results")) {
            throw netemu::UsageError("not results of probes: there is no list of that name");
        }
    } catch (const json::parse_error& error) {
        throw netemu::UsageError(std::string("not results of probes: ") + error.what());
    }
    return results;
}

Result result_from_json(const json& object) {
    try {
        return read_result(object);
    } catch (const json::exception& error) {
        throw netemu::UsageError(std::string("not the result of a probe: ") + error.what());
    }
}

} // namespace labctl::probe
