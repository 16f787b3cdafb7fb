#include "labctl/supervisor/routes_json.h"

#include "labctl/api/status_error.h"

namespace labctl::supervisor {

using api::Json;

Json report_json(const ChangeReport& report) {
    Json items = Json::array();
    for (const auto& item : report.objects) {
        items.push_back(
            {{"kind", item.key.kind},
             {"namespace", item.key.ns},
             {"name", item.key.name},
             {"action", item.action}});
    }
    return {
        {"objects", items},
        {"operations", report.operations},
        {"lines", report.lines},
        {"warnings", report.warnings},
        {"elapsedMicros", report.elapsed_us}};
}

api::Object object_from(const Json& entry) {
    api::Object object{entry.at("object"), {}, entry.value("written", std::string())};
    if (const auto source = entry.find("source"); source != entry.end()) {
        object.source = {
            source->value("file", ""), source->value("line", 0), source->value("column", 0)};
    }
    return object;
}

std::vector<api::Object> objects_from(const Json& list) {
    std::vector<api::Object> objects;
    objects.reserve(list.size());
    for (const auto& entry : list) {
        objects.push_back(object_from(entry));
    }
    return objects;
}

api::ObjectKey key_from(const Json& json) {
    return {json.at("kind"), json.value("namespace", ""), json.at("name")};
}

std::uint64_t parse_number(const char* what, const std::string& text) {
    try {
        return std::stoull(text);
    } catch (const std::exception&) {
        throw api::StatusError::bad_request(std::string(what) + " '" + text + "' is not a number");
    }
}

} // namespace labctl::supervisor
