#include "labctl/report/drop_line.h"

namespace labctl::report {

std::string drop_line(const nlohmann::json& dropped) {
    const auto text = [&dropped](const char* field) { return dropped.value(field, ""); };
    const auto time = text("time"); // 2026-11-25T23:05:12.345Z
    const auto day_ends = time.find('T');
    std::string line = day_ends == std::string::npos
                           ? time
                           : time.substr(day_ends + 1, time.size() - day_ends - 2);
    line += " " + text("node") + " " + text("from") + " -> " + text("to") + " " + text("service");
    const auto drop = dropped.find("drop");
    if (drop == dropped.end() || !drop->is_object()) {
        return line;
    }
    const auto sentence = drop->value("text", "");
    const auto by = sentence.find(" by "); // "dropped on NODE by ...": the node is there already
    return line + ": " + (by == std::string::npos ? sentence : sentence.substr(by + 4));
}

} // namespace labctl::report
