#include "labctl/manifest/walk.h"

#include <algorithm>
#include <limits>
#include <set>

#include "labctl/api/quantity.h"
#include "labctl/manifest/compose.h"
#include "labctl/manifest/names.h"
#include "labctl/manifest/suggest.h"

namespace labctl::manifest {

namespace {

using api::Json;
using schema::Field;
using schema::Shape;
using schema::Struct;
using schema::Type;

std::string_view expectation(Type type) {
    switch (type) {
    case Type::Int32:
    case Type::Int64:
        return "an integer";
    case Type::Flag:
        return "true or false";
    case Type::IntOrText:
        return "an integer or a string";
    case Type::Quantity:
        return "a quantity such as 100m or 64Mi";
    case Type::Object:
        return "an object";
    default:
        return "a string";
    }
}

std::string describe(const Json& value) {
    if (value.is_array()) {
        return "a list";
    }
    if (value.is_object()) {
        return "an object";
    }
    if (value.is_null()) {
        return "nothing";
    }
    return compose(
        {value.is_string()    ? "the string "
         : value.is_boolean() ? "the boolean "
                              : "the number ",
         quoted(value)});
}

std::string quoting_hint(std::string_view expected, const Json& found) {
    if (expected == expectation(Type::Text) && (found.is_boolean() || found.is_number())) {
        return "put it in quotes, so that it is text";
    }
    if (found.is_string() &&
        (expected == expectation(Type::Int32) || expected == expectation(Type::Flag))) {
        const auto& text = found.get_ref<const std::string&>();
        const bool plain = text == "true" || text == "false" ||
                           (!text.empty() && text.find_first_not_of("0123456789") == text.npos);
        return plain ? "remove the quotes" : "";
    }
    if (expected == "a list" && found.is_object()) {
        return "begin each item with '- '";
    }
    return {};
}

void wrong_type(Report& report, const Path& path, std::string_view expected, const Json& found) {
    report.wrong_type(
        path,
        compose({"expected ", expected, ", found ", describe(found)}),
        quoting_hint(expected, found));
}

Json empty_value(Type type) {
    switch (type) {
    case Type::Text:
        return "";
    case Type::Int32:
    case Type::Int64:
    case Type::IntOrText:
        return 0;
    case Type::Flag:
        return false;
    case Type::Quantity:
        return "0";
    case Type::Object:
        return Json::object();
    default:
        return nullptr;
    }
}

bool has_type(const Json& value, Type type) {
    switch (type) {
    case Type::Text:
    case Type::Time:
        return value.is_string();
    case Type::Int32:
    case Type::Int64:
        return value.is_number_integer();
    case Type::Flag:
        return value.is_boolean();
    case Type::IntOrText:
        return value.is_number_integer() || value.is_string();
    case Type::Quantity:
        return value.is_number() || value.is_string();
    case Type::Object:
        return value.is_object();
    case Type::Any:
        return true;
    }
    return false;
}

class Walker {
public:
    explicit Walker(Report& report) : report_(report) {}
    void object(Json& value, const Struct& type, const Path& path);
    const Struct* root = nullptr; // of the whole object

private:
    [[nodiscard]] Cursor cursor(const Json& value, const Path& path) {
        return {report_, value, path};
    }
    static void drop_nulls(Json& value);
    void fields(Json& value, const Struct& type, const Path& path);
    bool absent(Json::object_t& members, const Field& field, const Path& path);
    void unknown(const Json& value, const Struct& type, const Path& path);
    void present(Json& value, const Field& field, const Path& path);
    void list(Json& value, const Field& field, const Path& path);
    void unique(const Json& value, const Field& field, const Path& path);
    void map(Json& value, const Field& field, const Path& path);
    void one(Json& value, const Field& field, const Path& path);
    void text(Json& value, const Field& field, const Path& path);
    void number(const Json& value, const Field& field, const Path& path);
    void quantity(Json& value, const Path& path);

    Report& report_;
};

void Walker::drop_nulls(Json& value) {
    auto& members = value.get_ref<Json::object_t&>();
    std::erase_if(members, [](const auto& member) { return member.second.is_null(); });
}

void Walker::object(Json& value, const Struct& type, const Path& path) {
    drop_nulls(value);
    if (type.defaults != nullptr) {
        type.defaults(value);
    }
    fields(value, type, path);
    if (type.rule != nullptr) {
        type.rule(cursor(value, path));
    }
}

void Walker::fields(Json& value, const Struct& type, const Path& path) {
    auto& members = value.get_ref<Json::object_t&>();
    std::size_t known = 0;
    for (const auto& field : type.fields) {
        auto found = members.find(field.name);
        if (found == members.end()) {
            if (!absent(members, field, path)) {
                continue;
            }
            found = members.find(field.name);
        }
        ++known;
        present(found->second, field, path.field(field.name));
    }
    if (known < members.size()) {
        unknown(value, type, path);
    }
}

/// Returns whether a default was put in.
bool Walker::absent(Json::object_t& members, const Field& field, const Path& path) {
    Json value;
    if (field.is_always) {
        value = Json::object();
    } else if (!field.default_text.empty()) {
        value = std::string(field.default_text);
    } else if (field.default_number != schema::kLowest) {
        value =
            field.type == Type::Flag ? Json(field.default_number != 0) : Json(field.default_number);
    } else {
        if (field.is_required) {
            cursor(Json(), path.field(field.name)).required();
        }
        return false;
    }
    members.emplace(field.name, std::move(value));
    return true;
}

void Walker::unknown(const Json& value, const Struct& type, const Path& path) {
    const auto severity = report_.strict ? Severity::Error : Severity::Warning;
    for (const auto& [name, member] : value.items()) {
        if (type.find(name) == nullptr) {
            auto hint =
                report_.worth_a_hint(severity) ? suggest_field(name, type, *root, path) : "";
            report_.add(
                severity, path.field(name), Report::At::Key, "unknown field", std::move(hint));
        }
    }
}

void Walker::present(Json& value, const Field& field, const Path& path) {
    switch (field.shape) {
    case Shape::One:
        one(value, field, path);
        break;
    case Shape::List:
        list(value, field, path);
        break;
    case Shape::Map:
        map(value, field, path);
        break;
    }
}

void Walker::list(Json& value, const Field& field, const Path& path) {
    if (field.is_countable && value.is_number_integer()) {
        return;
    }
    if (!value.is_array()) {
        wrong_type(report_, path, "a list", value);
        return;
    }
    if (field.is_required && value.empty()) {
        cursor(value, path).required();
    }
    for (std::size_t i = 0; i < value.size(); ++i) {
        if (value[i].is_null() && !field.is_strict) {
            value[i] = empty_value(field.type);
        }
        one(value[i], field, path.item(i));
    }
    if (!field.unique_by.empty()) {
        unique(value, field, path);
    }
}

void Walker::unique(const Json& value, const Field& field, const Path& path) {
    std::set<std::string_view> seen;
    cursor(value, path).each([&](const Cursor& item) {
        const auto member = item[field.unique_by];
        if (!member.text().empty() && !seen.insert(member.text()).second) {
            member.duplicate();
        }
    });
}

void Walker::map(Json& value, const Field& field, const Path& path) {
    if (!value.is_object()) {
        wrong_type(report_, path, "an object", value);
        return;
    }
    for (auto& [name, member] : value.get_ref<Json::object_t&>()) {
        if (member.is_null()) {
            member = empty_value(field.type);
        }
        one(member, field, path.key(name));
        if (field.is_labels) {
            const auto at = cursor(member, path.key(name));
            if (const auto why = qualified_name(name); !why.empty()) {
                at.error_at_key(compose({"Invalid value: ", quoted(Json(name)), ": ", why}));
            }
            at.check(label_value(at.text()));
        }
    }
}

void Walker::one(Json& value, const Field& field, const Path& path) {
    if (!has_type(value, field.type)) {
        wrong_type(report_, path, expectation(field.type), value);
        return;
    }
    switch (field.type) {
    case Type::Object:
        object(value, *field.object, path);
        break;
    case Type::Text:
        text(value, field, path);
        break;
    case Type::Int32:
    case Type::Int64:
        number(value, field, path);
        break;
    case Type::Quantity:
        quantity(value, path);
        break;
    default:
        break;
    }
}

void Walker::text(Json& value, const Field& field, const Path& path) {
    if (value.get_ref<const std::string&>().empty()) {
        if (!field.default_text.empty()) {
            value = std::string(field.default_text);
        } else if (field.is_required && field.shape == Shape::One) {
            cursor(value, path).required();
        }
        return;
    }
    const auto at = cursor(value, path);
    if (field.rule != nullptr) {
        at.check(field.rule(at.text()));
    }
    if (!field.allowed.empty() &&
        std::find(field.allowed.begin(), field.allowed.end(), at.text()) == field.allowed.end()) {
        at.unsupported(field.allowed);
    }
}

void Walker::number(const Json& value, const Field& field, const Path& path) {
    constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    const bool huge = value.is_number_unsigned() && value.get<std::uint64_t>() > kMax;
    const auto number = huge ? 0 : value.get<std::int64_t>();
    const bool wide = field.type == Type::Int32 &&
                      (number > schema::kInt32Max || number < -schema::kInt32Max - 1);
    if (huge || wide) {
        wrong_type(report_, path, wide ? "a 32-bit integer" : "a 64-bit integer", value);
        return;
    }
    if (number >= field.lowest && number <= field.highest) {
        return;
    }
    const auto at = cursor(value, path);
    if (field.highest == schema::kHighest) {
        at.invalid(compose({"must be greater than or equal to ", std::to_string(field.lowest)}));
    } else {
        at.invalid(compose(
            {"must be between ",
             std::to_string(field.lowest),
             " and ",
             std::to_string(field.highest),
             ", inclusive"}));
    }
}

void Walker::quantity(Json& value, const Path& path) {
    if (value.is_number()) {
        value = value.dump(); // the API server stores quantities as text
    }
    long double amount = 0;
    if (!api::parse_quantity(value.get_ref<const std::string&>(), amount)) {
        cursor(value, path)
            .invalid(
                "quantities must match the regular expression "
                "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
                "for example 100m, 0.5, 64Mi or 1Gi");
    }
}

} // namespace

void walk(Json& object, const Struct& type, Report& report, const Path& place) {
    Walker walker(report);
    walker.root = &type;
    walker.object(object, type, place);
}

} // namespace labctl::manifest
