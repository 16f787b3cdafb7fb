#include <nlohmann/json.hpp>

#include "labctl/report/check_forms.h"

namespace labctl::report {

namespace {

using OrderedJson = nlohmann::ordered_json;

OrderedJson evidence_json(const check::Evidence& evidence) {
    OrderedJson json{{"from", evidence.from}, {"to", evidence.to}};
    const auto add = [&](const char* name, const std::string& value) {
        if (!value.empty()) {
            json[name] = value;
        }
    };
    add("target", evidence.target);
    json["outcome"] = evidence.outcome;
    json["verdict"] = to_string(evidence.verdict);
    json["control"] = evidence.control;
    if (evidence.rtt_us > 0) {
        json["rttMicros"] = evidence.rtt_us;
    }
    add("backend", evidence.backend);
    add("clientIP", evidence.client_ip);
    add("text", evidence.text);
    return json;
}

OrderedJson text_or_null(const std::string& text) {
    return text.empty() ? OrderedJson(nullptr) : OrderedJson(text);
}

OrderedJson record_json(const check::Record& record) {
    OrderedJson json{
        {"id", record.id},
        {"title", record.title},
        {"description", text_or_null(record.description)},
        {"file", text_or_null(record.source.file)},
        {"line", record.source.line > 0 ? OrderedJson(record.source.line) : OrderedJson(nullptr)},
        {"from", record.from},
        {"to", record.to},
        {"expected", record.expected},
        {"outcome", record.outcome},
        {"verdict", to_string(record.verdict)},
        {"level", record.level == check::Level::Warning ? "warning" : "error"},
        {"points", record.points},
        {"attempts", record.attempts},
        {"flows", record.flows},
        {"durationMs", static_cast<double>(record.duration_us) / 1000.0},
        {"decidedBy", text_or_null(record.decided_by)},
        {"reason", record.reason},
        {"hint", text_or_null(record.hint)},
        {"notes", record.notes},
        {"evidence", OrderedJson::array()},
        {"evidenceLeftOut", record.evidence_left_out}};
    for (const auto& evidence : record.evidence) {
        json["evidence"].push_back(evidence_json(evidence));
    }
    return json;
}

OrderedJson summary_json(const check::Report& report) {
    const auto summary = report.summary();
    return {
        {"passed", summary.passed},
        {"failed", summary.failed},
        {"warnings", summary.warned},
        {"inconclusive", summary.inconclusive},
        {"errors", summary.errors},
        {"probes", report.probes},
        {"durationMs", static_cast<double>(report.duration_us) / 1000.0}};
}

/// Bytes that are no UTF-8 (a body may hold any) become U+FFFD.
std::string dump(const OrderedJson& json, int indent) {
    return json.dump(indent, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

OrderedJson header(const check::Report& report) {
    OrderedJson json{{"schemaVersion", 1}, {"title", report.title}};
    json["properties"] = OrderedJson::object();
    for (const auto& [name, value] : report.properties) {
        json["properties"][name] = value;
    }
    return json;
}

} // namespace

std::string check_json(const check::Report& report) {
    auto json = header(report);
    json["summary"] = summary_json(report);
    json["results"] = OrderedJson::array();
    for (const auto& record : report.records) {
        json["results"].push_back(record_json(record));
    }
    return dump(json, 2);
}

std::string check_jsonl(const check::Report& report) {
    std::string out;
    for (const auto& record : report.records) {
        OrderedJson line{{"schemaVersion", 1}, {"type", "result"}};
        line.update(record_json(record));
        out += dump(line, -1);
    }
    auto last = header(report);
    last["type"] = "summary";
    last.update(summary_json(report));
    return out + dump(last, -1);
}

} // namespace labctl::report
