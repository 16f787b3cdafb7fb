#include "labctl/store/journal_format.h"

#include "netemu/base/error.h"

namespace labctl::store {

namespace {

using api::Json;

bool is_final(const std::string& phase) {
    return phase == "Succeeded" || phase == "Failed";
}

/// The part of a Pod's status that lasts: where it is, and how it ended if it has.
Json pod_status(const Json& status) {
    Json kept = Json::object();
    for (const auto* field : {"hostIP", "hostIPs", "podIP", "podIPs", "startTime"}) {
        if (const auto found = status.find(field); found != status.end()) {
            kept[field] = *found;
        }
    }
    if (is_final(api::string_at(status, "phase"))) {
        kept["phase"] = status["phase"];
        if (const auto found = status.find("containerStatuses"); found != status.end()) {
            kept["containerStatuses"] = *found;
        }
    }
    return kept;
}

/// Nothing acts on these kinds, so what is in the status came from a user.
bool keeps_status(const std::string& kind) {
    if (kind == "Job" || kind == "Service") {
        return true;
    }
    const auto* info = api::find_kind(kind);
    return info == nullptr || !info->typed;
}

void append_member(std::string& text, const std::string& name, const Json& value) {
    text += text.back() == '{' ? "" : ",";
    text += Json(name).dump();
    text += ':';
    text += value.dump();
}

} // namespace

bool is_journalled(const std::string& kind) {
    return kind != "Event";
}

bool changes_record(const Event& event) {
    const auto kind = event.object->kind();
    if (!is_journalled(kind)) {
        return false;
    }
    if (!event.status_only || keeps_status(kind)) {
        return true;
    }
    if (kind != "Pod") {
        return false;
    }
    const auto& before = api::at(event.previous->body, "status");
    const auto& after = api::at(event.object->body, "status");
    return !before.is_object() || !after.is_object() || pod_status(before) != pod_status(after);
}

std::string put_record(const api::Object& object) {
    const auto kind = object.kind();
    std::string text = "{\"put\":{";
    // Member by member, which saves a copy of the object.
    for (const auto& [name, value] : object.body.items()) {
        if (name != "status" || keeps_status(kind)) {
            append_member(text, name, value);
        } else if (kind == "Pod" && value.is_object()) {
            append_member(text, name, pod_status(value));
        }
    }
    text += '}';
    if (const auto& source = object.source; !source.file.empty()) {
        append_member(
            text,
            "source",
            {{"file", source.file}, {"line", source.line}, {"column", source.column}});
    }
    text += '}';
    return text;
}

std::string delete_record(const api::ObjectKey& key) {
    return Json{{"delete", {{"kind", key.kind}, {"namespace", key.ns}, {"name", key.name}}}}.dump();
}

std::vector<api::Object> replay(const std::vector<std::string>& records) {
    std::map<api::ObjectKey, std::size_t> index;
    std::vector<api::Object> objects; // an empty body: deleted since
    for (const auto& record : records) {
        auto json = Json::parse(record, nullptr, false);
        if (const auto put = json.find("put"); put != json.end() && put->is_object()) {
            const auto& source = api::at(json, "source");
            api::Object object{
                std::move(*put),
                {api::string_at(source, "file"),
                 static_cast<int>(api::int_at(source, "line", 0)),
                 static_cast<int>(api::int_at(source, "column", 0))}};
            const auto [found, is_new] = index.try_emplace(object.key(), objects.size());
            if (is_new) {
                objects.push_back(std::move(object));
            } else {
                objects[found->second] = std::move(object);
            }
        } else if (const auto gone = json.find("delete"); gone != json.end()) {
            const auto found = index.find(
                {api::string_at(*gone, "kind"),
                 api::string_at(*gone, "namespace"),
                 api::string_at(*gone, "name")});
            if (found != index.end()) {
                objects[found->second].body = nullptr;
                index.erase(found);
            }
        } else {
            throw netemu::Error("a record of the journal is neither put nor delete: " + record);
        }
    }
    std::erase_if(objects, [](const api::Object& object) { return object.body.is_null(); });
    return objects;
}

} // namespace labctl::store
