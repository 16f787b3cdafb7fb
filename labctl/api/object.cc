#include "labctl/api/object.h"

#include "netemu/base/text.h"

namespace labctl::api {

namespace {

const Json kNull;

/// Without a copy: asked for very often.
std::string_view view_at(const Json& body, const char* name) {
    const auto found = body.is_object() ? body.find(name) : body.end();
    return found != body.end() && found->is_string()
               ? std::string_view(found->get_ref<const std::string&>())
               : std::string_view();
}

} // namespace

std::string ObjectKey::to_string() const {
    const auto lower = netemu::to_lower(kind);
    return ns.empty() || ns == "default" ? lower + "/" + name : lower + "/" + ns + "/" + name;
}

std::string Source::to_string() const {
    return file.empty() ? std::string{} : file + ":" + std::to_string(line);
}

std::string Object::kind() const {
    return unique_kind(view_at(body, "kind"), view_at(body, "apiVersion"));
}
std::string Object::api_version() const {
    return string_at(body, "apiVersion");
}
std::string Object::name() const {
    return string_at(body, "metadata.name");
}
std::string Object::ns() const {
    return string_at(body, "metadata.namespace");
}
std::string Object::uid() const {
    return string_at(body, "metadata.uid");
}
Labels Object::labels() const {
    return labels_at(body, "metadata.labels");
}
Labels Object::annotations() const {
    return labels_at(body, "metadata.annotations");
}
ObjectKey Object::key() const {
    return {kind(), ns(), name()};
}

const Json& at(const Json& json, std::string_view path) {
    const Json* current = &json;
    while (!path.empty()) {
        const auto dot = path.find('.');
        const auto name = path.substr(0, dot);
        if (!current->is_object()) {
            return kNull;
        }
        const auto found = current->find(std::string(name));
        if (found == current->end()) {
            return kNull;
        }
        current = &*found;
        path = dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
    }
    return *current;
}

std::string string_at(const Json& json, std::string_view path, std::string_view fallback) {
    const auto& value = at(json, path);
    return value.is_string() ? value.get<std::string>() : std::string(fallback);
}

std::int64_t int_at(const Json& json, std::string_view path, std::int64_t fallback) {
    const auto& value = at(json, path);
    return value.is_number_integer() ? value.get<std::int64_t>() : fallback;
}

bool bool_at(const Json& json, std::string_view path, bool fallback) {
    const auto& value = at(json, path);
    return value.is_boolean() ? value.get<bool>() : fallback;
}

void add_field(Json& object, const char* name, Json value) {
    if (object.is_null()) {
        object = Json::object();
    }
    auto& fields = object.get_ref<Json::object_t&>();
    fields.emplace_hint(fields.end(), name, std::move(value));
}

Labels labels_at(const Json& json, std::string_view path) {
    Labels labels;
    const auto& value = at(json, path);
    if (value.is_object()) {
        for (const auto& [key, text] : value.items()) {
            if (text.is_string()) {
                labels[key] = text.get<std::string>();
            }
        }
    }
    return labels;
}

} // namespace labctl::api
