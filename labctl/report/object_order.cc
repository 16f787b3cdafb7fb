#include "labctl/report/object_order.h"

#include <algorithm>

#include "labctl/api/quantity.h"
#include "labctl/report/duration.h"
#include "labctl/report/json_path.h"
#include "labctl/report/text.h"
#include "netemu/base/error.h"

namespace labctl::report {

namespace {

using api::Json;

constexpr std::string_view kDigits = "0123456789";

/// Takes the run of digits or of other characters that the text begins with.
std::string_view take_run(std::string_view& text, bool digits) {
    const auto end = digits ? text.find_first_not_of(kDigits) : text.find_first_of(kDigits);
    const auto run = text.substr(0, end);
    text.remove_prefix(run.size());
    return run;
}

/// By value; the shorter number of zeros first where that is the same.
int compare_numbers(std::string_view left, std::string_view right) {
    const auto value = [](std::string_view digits) {
        return digits.substr(std::min(digits.find_first_not_of('0'), digits.size()));
    };
    const auto a = value(left);
    const auto b = value(right);
    if (a.size() != b.size()) {
        return a.size() < b.size() ? -1 : 1;
    }
    if (const auto order = a.compare(b); order != 0) {
        return order;
    }
    return left.size() == right.size() ? 0 : left.size() < right.size() ? -1 : 1;
}

/// A value with what it is worth, worked out once for all comparisons.
struct SortKey {
    const Json* value = nullptr; // null: the object has none
    std::optional<std::int64_t> time;
    std::optional<long double> quantity;
};

SortKey sort_key(const Json* value, std::string_view path) {
    SortKey key{value, {}, {}};
    if (value->is_null()) {
        key.value = nullptr;
    } else if (value->is_string()) {
        const auto& text = value->get_ref<const std::string&>();
        key.time = parse_time(text);
        if (long double amount = 0; api::parse_quantity(text, amount)) {
            key.quantity = amount;
        }
    } else if (!value->is_number()) {
        throw netemu::UsageError(
            "--sort-by: " + visible(path) + " is " +
                (value->is_boolean() ? "true or false"
                 : value->is_array() ? "a list"
                                     : "a mapping"),
            "objects are sorted by numbers and texts, for example --sort-by=.metadata.name");
    }
    return key;
}

bool key_less(const SortKey& left, const SortKey& right) {
    if (left.value == nullptr || right.value == nullptr) {
        return left.value == nullptr && right.value != nullptr;
    }
    if (left.value->is_number() || right.value->is_number()) {
        return *left.value < *right.value; // of one kind, as sort_objects has seen to
    }
    if (left.time && right.time && left.time != right.time) {
        return *left.time < *right.time;
    }
    if (left.quantity && right.quantity) {
        return *left.quantity < *right.quantity;
    }
    return natural_less(
        left.value->get_ref<const std::string&>(), right.value->get_ref<const std::string&>());
}

void check_kinds(
    const std::vector<std::pair<SortKey, api::ObjectPtr>>& entries, std::string_view path) {
    std::size_t numbers = 0;
    std::size_t texts = 0;
    for (const auto& [key, object] : entries) {
        numbers += key.value != nullptr && key.value->is_number() ? 1 : 0;
        texts += key.value != nullptr && key.value->is_string() ? 1 : 0;
    }
    if (numbers > 0 && texts > 0) {
        throw netemu::UsageError(
            "--sort-by: " + visible(path) + " is a number in some objects and a text in others");
    }
    if (numbers == 0 && texts == 0 && !entries.empty()) {
        throw netemu::UsageError(
            "--sort-by: couldn't find any field with path \"" + visible(path) +
                "\" in the list of objects",
            "`labctl get ... -o yaml` shows the fields that there are");
    }
}

} // namespace

bool natural_less(std::string_view left, std::string_view right) {
    while (!left.empty() && !right.empty()) {
        const bool digits = kDigits.find(left[0]) != std::string_view::npos;
        if (digits != (kDigits.find(right[0]) != std::string_view::npos)) {
            return left[0] < right[0];
        }
        const auto a = take_run(left, digits);
        const auto b = take_run(right, digits);
        if (const auto order = digits ? compare_numbers(a, b) : a.compare(b); order != 0) {
            return order < 0;
        }
    }
    return left.empty() && !right.empty();
}

void sort_objects(std::vector<api::ObjectPtr>& objects, std::string_view path) {
    const auto field = JsonPath::parse_path(path);
    std::vector<std::pair<SortKey, api::ObjectPtr>> entries;
    for (const auto& object : objects) {
        const auto values = field.values(object->body);
        entries.emplace_back(values.empty() ? SortKey() : sort_key(values[0], path), object);
    }
    check_kinds(entries, path);
    std::stable_sort(entries.begin(), entries.end(), [](const auto& left, const auto& right) {
        return key_less(left.first, right.first);
    });
    for (std::size_t i = 0; i < entries.size(); ++i) {
        objects[i] = std::move(entries[i].second);
    }
}

} // namespace labctl::report
