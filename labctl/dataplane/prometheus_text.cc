#include "labctl/dataplane/prometheus_text.h"

#include <array>
#include <charconv>

namespace labctl::dataplane {

void append_label(std::string& text, const Label& label) {
    text.append(text.empty() ? "" : ",").append(label.first).append("=\"");
    for (const char c : label.second) {
        if (c == '\\' || c == '"') {
            text += '\\';
        }
        c == '\n' ? text += "\\n" : text += c;
    }
    text += '"';
}

std::string labels_of(std::initializer_list<Label> labels) {
    return with_labels({}, labels);
}

std::string with_labels(std::string labels, std::initializer_list<Label> more) {
    for (const auto& label : more) {
        append_label(labels, label);
    }
    return labels;
}

void append_sample(
    std::string& text, std::string_view name, std::string_view labels, std::string_view value) {
    text.append(name).append("{").append(labels).append("} ").append(value).append("\n");
}

void append_type(std::string& text, std::string_view name, std::string_view type) {
    text.append("# TYPE ").append(name).append(" ").append(type).append("\n");
}

std::string number_text(double number) {
    std::array<char, 32> buffer{};
    const auto [end, problem] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
    return problem == std::errc{} ? std::string(buffer.data(), end) : "0";
}

} // namespace labctl::dataplane
