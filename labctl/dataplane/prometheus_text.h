#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

/// The text format of Prometheus (prometheus.io/docs/instrumenting/exposition_formats, version
/// 0.0.4): what a scraper reads. Knows no metric.
namespace labctl::dataplane {

/// A label's name and value.
using Label = std::pair<std::string_view, std::string_view>;

/// Appends to the labels in `text`: a="b",c="d". Backslash, quote and line feed of a value are
/// escaped.
void append_label(std::string& text, const Label& label);
[[nodiscard]] std::string labels_of(std::initializer_list<Label> labels);
[[nodiscard]] std::string with_labels(std::string labels, std::initializer_list<Label> more);

/// "# TYPE NAME TYPE": before the first line of a metric.
void append_type(std::string& text, std::string_view name, std::string_view type);
/// "NAME{LABELS} VALUE".
void append_sample(
    std::string& text, std::string_view name, std::string_view labels, std::string_view value);
/// The shortest text that reads as that number.
[[nodiscard]] std::string number_text(double number);

} // namespace labctl::dataplane
