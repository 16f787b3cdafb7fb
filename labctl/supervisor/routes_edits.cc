#include <map>

#include "labctl/api/status_error.h"
#include "labctl/supervisor/routes.h"
#include "labctl/supervisor/routes_json.h"
#include "netemu/base/limits.h"

/// Requests that change one object, or try to.
namespace labctl::supervisor {

using api::Json;
using api::StatusError;

namespace {

constexpr int kCreated = 201;

/// What the parameters of a request ask of its edit; see Lab::EditOptions.
Lab::EditOptions edit_options(const ApiRequest& request) {
    auto dry_run = request.parameter("dryRun");
    if (request.method == "DELETE" && !request.body.empty()) { // meta/v1 DeleteOptions
        const auto body = request.json();
        for (const auto& word : api::at(body, "dryRun")) {
            dry_run = word.get<std::string>();
        }
    }
    if (!dry_run.empty() && dry_run != "All") {
        throw StatusError::bad_request("dryRun: unsupported value '" + dry_run + "': All");
    }
    return {request.parameter("fieldValidation") == "Strict", dry_run == "All"};
}

/// The object of a request, in the namespace of its path. Throws where it is not the one that the
/// path names.
api::Object object_in(const ApiRequest& request, const ResourcePath& path) {
    api::Object object{request.json(), {}};
    if (!object.body.is_object()) {
        throw StatusError::bad_request("the body is no object");
    }
    if (path.namespaced && object.ns().empty() && !path.ns.empty()) {
        object.body["metadata"]["namespace"] = path.ns;
    }
    if (object.kind() != path.kind || (!path.ns.empty() && object.ns() != path.ns) ||
        (!path.name.empty() && object.name() != path.name)) {
        throw StatusError::bad_request("the object in the body is not the one that the path names");
    }
    return object;
}

/// meta/v1 DeleteOptions.gracePeriodSeconds, in the body or as a parameter.
std::optional<std::int64_t> grace_of(const ApiRequest& request) {
    if (const auto text = request.parameter("gracePeriodSeconds"); !text.empty()) {
        return static_cast<std::int64_t>(parse_number("gracePeriodSeconds", text));
    }
    const auto body = request.body.empty() ? Json() : request.json();
    const auto seconds = api::int_at(body, "gracePeriodSeconds", -1);
    return seconds < 0 ? std::nullopt : std::optional(seconds);
}

} // namespace

void Routes::patch(
    const ApiRequest& request, const ResourcePath& path, const ExchangePtr& exchange) {
    using Kind = compile::Cluster::PatchKind;
    static const std::map<std::string, Kind> kKinds{
        {"application/merge-patch+json", Kind::Merge},
        {"application/strategic-merge-patch+json", Kind::Strategic},
        {"application/json-patch+json", Kind::Json}};
    const auto type = request.content_type.substr(0, request.content_type.find(';'));
    // Server-side apply. Who owns which field is not kept: what `kubectl` has applied before and
    // leaves out now goes away, as with its client-side apply; others only set fields.
    if (type == "application/apply-patch+yaml") {
        const bool exists = lab_.store().get(path.key()) != nullptr;
        const bool merges = exists && request.parameter("fieldManager") != "kubectl";
        const auto edit = [&](compile::Cluster& cluster) {
            auto object = object_in(request, path);
            return merges ? cluster.patch(path.key(), Kind::Strategic, object.body)
                          : cluster.apply_object(std::move(object)).object;
        };
        exchange->reply(exists ? 200 : kCreated, lab_.edit(edit, edit_options(request))->body);
        return;
    }
    const auto kind = kKinds.find(type);
    if (kind == kKinds.end() && !type.empty() && type != "application/json") {
        throw StatusError(
            415, "UnsupportedMediaType", "'" + type + "' is no form of a patch that is known here");
    }
    const auto edit = [&](compile::Cluster& cluster) {
        return cluster.patch(
            path.key(), kind == kKinds.end() ? Kind::Merge : kind->second, request.json());
    };
    exchange->reply(200, lab_.edit(edit, edit_options(request))->body);
}

void Routes::change(
    const ApiRequest& request, const ResourcePath& path, const ExchangePtr& exchange) {
    if (request.method == "PATCH") {
        patch(request, path, exchange);
        return;
    }
    if (request.method != "POST" && request.method != "PUT") {
        throw StatusError(405, "MethodNotAllowed", request.method + " is not allowed here");
    }
    const auto object = object_in(request, path);
    const bool exists = lab_.store().get(object.key()) != nullptr;
    if (request.method == "POST" && exists) {
        throw StatusError::already_exists(path.plural, object.name());
    }
    if (request.method == "PUT" && !exists) {
        throw StatusError::not_found(path.plural, object.name());
    }
    const auto edit = [&](compile::Cluster& cluster) {
        return exists ? cluster.replace_object(object) : cluster.create_object(object);
    };
    exchange->reply(exists ? 200 : kCreated, lab_.edit(edit, edit_options(request))->body);
}

void Routes::remove(
    const ApiRequest& request, const ResourcePath& path, const ExchangePtr& exchange) {
    std::vector<api::ObjectKey> keys;
    if (!path.name.empty()) {
        keys.push_back(path.key());
    } else {
        for (const auto& object : selected(request, path)) {
            keys.push_back(object->key());
        }
    }
    if (edit_options(request).dry_run) {
        for (const auto& key : keys) {
            if (!lab_.store().get(key)) {
                throw StatusError::not_found(path.plural, key.name);
            }
        }
        exchange->reply(200, {{"kind", "Status"}, {"apiVersion", "v1"}, {"status", "Success"}});
        return;
    }
    const auto report = lab_.remove(keys, grace_of(request));
    if (!path.name.empty() && !report.terminating.empty()) {
        exchange->reply(200, lab_.store().get(path.key())->body); // it is on its way
        return;
    }
    exchange->reply(
        200,
        {{"kind", "Status"},
         {"apiVersion", "v1"},
         {"metadata", Json::object()},
         {"status", "Success"}});
}

void Routes::scale(
    const ApiRequest& request, const ResourcePath& path, const ExchangePtr& exchange) {
    api::ObjectPtr object = lab_.store().get(path.key());
    if (!object) {
        throw StatusError::not_found(path.plural, path.name);
    }
    if (request.method == "PUT" || request.method == "PATCH") {
        const auto replicas = api::int_at(request.json(), "spec.replicas", -1);
        if (replicas < 0 || replicas > static_cast<std::int64_t>(netemu::limits::kPodsMax)) {
            throw StatusError::invalid(
                "Scale", path.name, "spec.replicas: must be between 0 and 10000");
        }
        object = lab_.scale(path.key(), static_cast<int>(replicas));
    }
    exchange->reply(
        200,
        {{"kind", "Scale"},
         {"apiVersion", "autoscaling/v1"},
         {"metadata", {{"name", path.name}, {"namespace", path.ns}}},
         {"spec", {{"replicas", api::int_at(object->body, "spec.replicas", 0)}}},
         {"status", {{"replicas", api::int_at(object->body, "status.replicas", 0)}}}});
}

} // namespace labctl::supervisor
