#include "labctl/manifest/cursor.h"

#include <vector>

#include "labctl/manifest/compose.h"
#include "netemu/base/text.h"

namespace labctl::manifest {

namespace {

using api::Json;

const Json kAbsent;
constexpr std::size_t kQuotedMax = 100;

/// Whether a value is worth printing, without looking at more of it than that takes.
bool short_enough(const Json& value, std::size_t& budget) {
    const auto cost = value.is_string() ? value.get_ref<const std::string&>().size() + 1 : 1;
    if (cost > budget) {
        return false;
    }
    budget -= cost;
    if (value.is_structured()) {
        for (const auto& item : value) {
            if (!short_enough(item, budget)) {
                return false;
            }
        }
    }
    return true;
}

} // namespace

Cursor Cursor::operator[](std::string_view field) const {
    if (value_->is_object()) {
        const auto& object = value_->get_ref<const Json::object_t&>();
        if (const auto found = object.find(field); found != object.end()) {
            return {*report_, found->second, path_.field(field)};
        }
    }
    return {*report_, kAbsent, path_.field(field)};
}

Cursor Cursor::operator[](std::size_t index) const {
    const bool inside = value_->is_array() && index < value_->size();
    return {*report_, inside ? (*value_)[index] : kAbsent, path_.item(index)};
}

Cursor Cursor::key(std::string_view name) const {
    return {*report_, (*this)[name].json(), path_.key(name)};
}

std::string_view Cursor::text() const {
    return value_->is_string() ? std::string_view(value_->get_ref<const std::string&>())
                               : std::string_view{};
}

std::int64_t Cursor::number(std::int64_t other) const {
    return value_->is_number_integer() ? value_->get<std::int64_t>() : other;
}

bool Cursor::flag() const {
    return value_->is_boolean() && value_->get<bool>();
}

std::size_t Cursor::size() const {
    return value_->is_structured() ? value_->size() : 0;
}

void Cursor::error(std::string_view message, std::string hint) const {
    report_->add(Severity::Error, path_, Report::At::Value, message, std::move(hint));
}

void Cursor::warn(std::string_view message, std::string hint) const {
    report_->add(Severity::Warning, path_, Report::At::Value, message, std::move(hint));
}

void Cursor::error_at_key(std::string_view message, std::string hint) const {
    report_->add(Severity::Error, path_, Report::At::Key, message, std::move(hint));
}

void Cursor::required(std::string_view detail) const {
    error(compose({"Required value", detail.empty() ? "" : ": ", detail}));
}

void Cursor::invalid(std::string_view why, std::string hint) const {
    error(compose({"Invalid value: ", quoted(*value_), ": ", why}), std::move(hint));
}

void Cursor::unsupported(std::span<const std::string_view> allowed) const {
    auto message = compose({"Unsupported value: ", quoted(*value_), ": supported values: "});
    for (const auto value : allowed) {
        message += compose({value == allowed.front() ? "" : ", ", "\"", value, "\""});
    }
    error(message, did_you_mean(text(), allowed));
}

void Cursor::duplicate() const {
    error(compose({"Duplicate value: ", quoted(*value_)}));
}

void Cursor::forbidden(std::string_view why, std::string hint) const {
    error(compose({"Forbidden: ", why}), std::move(hint));
}

void Cursor::not_found(std::string hint) const {
    error(compose({"Not found: ", quoted(*value_)}), std::move(hint));
}

void Cursor::check(const std::string& why) const {
    if (!why.empty()) {
        invalid(why);
    }
}

std::string quoted(const Json& value) {
    if (value.is_null()) {
        return "\"\"";
    }
    if (value.is_string() && value.get_ref<const std::string&>().size() > kQuotedMax) {
        return compose({"\"", value.get_ref<const std::string&>().substr(0, kQuotedMax), "...\""});
    }
    auto budget = 2 * kQuotedMax;
    if (!short_enough(value, budget)) {
        return value.is_array() ? "[...]" : "{...}";
    }
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
    const std::vector<std::string> names(candidates.begin(), candidates.end());
    const auto found = netemu::nearest(word, names);
    return found ? compose({"did you mean '", *found, "'?"}) : std::string{};
}

} // namespace labctl::manifest
