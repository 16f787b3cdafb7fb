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
    if (left.time && right.time) {
        return *left.time < *right.time;
    }
    if (left.quantity && right.quantity) {
        return *left.quantity < *right.quantity;
    }
    return *left.value < *right.value; // both are numbers or both texts: see check_kinds
}

using SortEntries = std::vector<std::pair<SortKey, api::ObjectPtr>>;

/// Texts go by what they are worth if all of them have such a worth: with "9" < "10" by value and
/// "10" < "1a" < "9" by bytes there would be no order at all.
template <typename Worth>
void agree_on(SortEntries& entries, std::optional<Worth> SortKey::*worth) {
    const bool all = std::ranges::all_of(entries, [&](const auto& entry) {
        return entry.first.value == nullptr || entry.first.*worth;
    });
    if (!all) {
        for (auto& entry : entries) {
            (entry.first.*worth).reset();
        }
    }
}

void check_kinds(const SortEntries& entries, std::string_view path) {
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

void sort_objects(std::vector<api::ObjectPtr>& objects, std::string_view path) {
    const auto field = JsonPath::parse_path(path);
    SortEntries entries;
    for (const auto& object : objects) {
        const auto values = field.values(object->body);
        entries.emplace_back(values.empty() ? SortKey() : sort_key(values[0], path), object);
    }
    check_kinds(entries, path);
    agree_on(entries, &SortKey::time);
    agree_on(entries, &SortKey::quantity);
    std::stable_sort(entries.begin(), entries.end(), [](const auto& left, const auto& right) {
        return key_less(left.first, right.first);
    });
    for (std::size_t i = 0; i < entries.size(); ++i) {
        objects[i] = std::move(entries[i].second);
    }
}

} // namespace labctl::report
