#include <algorithm>

#include "labctl/api/field_selector.h"
#include "labctl/api/status_error.h"
#include "labctl/supervisor/routes.h"
#include "netemu/base/limits.h"

namespace labctl::supervisor {

using api::Json;
using api::StatusError;

namespace {

constexpr int kCreated = 201;

Json list_of(const std::string& kind, const std::string& api_version, std::uint64_t revision) {
    return {
        {"kind", std::string(api::plain_kind(kind)) + "List"},
        {"apiVersion", api_version},
        {"metadata", {{"resourceVersion", std::to_string(revision)}}},
        {"items", Json::array()}};
}

Json watch_line(store::EventType type, const api::Object& object) {
    return {{"type", store::to_string(type)}, {"object", object.body}};
}

/// What a request for a collection selects: its path, labelSelector and fieldSelector.
class Selection {
public:
    Selection(const ApiRequest& request, const ResourcePath& path)
        : path_(path), labels_(api::Selector::parse(request.parameter("labelSelector"))),
          fields_(api::FieldSelector::parse(
              request.parameter("fieldSelector"), path.kind, path.plural)) {}

    [[nodiscard]] std::vector<api::ObjectPtr> list(const store::Store& store) const {
        auto objects = store.list(path_.kind, path_.ns, labels_);
        std::erase_if(objects, [&](const auto& object) { return !fields_.matches(*object); });
        return objects;
    }

    /// The line of a watch that tells of an event, if any: an object that begins to match is an
    /// added one there, one that no longer matches a deleted one.
    [[nodiscard]] std::optional<Json> line(const store::Event& event) const {
        const bool now = matches(*event.object);
        const bool before = event.previous ? matches(*event.previous) : now;
        if (event.type != store::EventType::Modified || now == before) {
            return now ? std::optional(watch_line(event.type, *event.object)) : std::nullopt;
        }
        return now ? watch_line(store::EventType::Added, *event.object)
                   : watch_line(store::EventType::Deleted, *event.previous);
    }

private:
    [[nodiscard]] bool matches(const api::Object& object) const {
        return object.kind() == path_.kind && (path_.ns.empty() || object.ns() == path_.ns) &&
               (path_.name.empty() || object.name() == path_.name) &&
               labels_.matches(object.labels()) && fields_.matches(object);
    }

    ResourcePath path_;
    api::Selector labels_;
    api::FieldSelector fields_;
};

std::uint64_t parse_number(const char* what, const std::string& text) {
    try {
        return std::stoull(text);
    } catch (const std::exception&) {
        throw StatusError::bad_request(std::string(what) + " '" + text + "' is not a number");
    }
}

std::uint64_t parse_revision(const std::string& text) {
    return parse_number("resourceVersion", text);
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

std::optional<ResourcePath> Routes::parse(const std::vector<std::string>& segments) const {
    ResourcePath path;
    std::size_t i = 0;
    if (segments.size() >= 2 && segments[0] == "api") {
        path.api_version = segments[1];
        i = 2;
    } else if (segments.size() >= 3 && segments[0] == "apis") {
        path.api_version = segments[1] + "/" + segments[2];
        i = 3;
    } else {
        return std::nullopt;
    }
    if (segments.size() > i + 2 && segments[i] == "namespaces" && segments[i + 2] != "status") {
        path.ns = segments[i + 1];
        i += 2;
    }
    if (segments.size() <= i || segments.size() > i + 3) {
        return std::nullopt;
    }
    path.plural = segments[i];
    path.name = segments.size() > i + 1 ? segments[i + 1] : "";
    path.subresource = segments.size() > i + 2 ? segments[i + 2] : "";
    identify(path);
    return path;
}

/// Finds the kind behind a plural: one that we know, or one that only has stored objects.
void Routes::identify(ResourcePath& path) const {
    for (const auto& info : api::kinds()) {
        if (info.plural == path.plural && info.api_version == path.api_version) {
            path.kind = info.kind;
            path.namespaced = info.namespaced;
            return;
        }
    }
    for (const auto& kind : lab_.store().kinds()) {
        const auto objects = lab_.store().list(kind);
        if (api::guess_plural(kind) == path.plural && !objects.empty() &&
            objects[0]->api_version() == path.api_version) {
            path.kind = kind;
            path.namespaced = !objects[0]->ns().empty();
            return;
        }
    }
    throw StatusError(404, "NotFound", "the server could not find the requested resource");
}

void Routes::objects(
    const ApiRequest& request, const ResourcePath& path, const ExchangePtr& exchange) {
    if (path.subresource == "log" && request.method == "GET") {
        logs(request, path, exchange);
    } else if (path.subresource == "scale") {
        scale(request, path, exchange);
    } else if (!path.subresource.empty() && path.subresource != "status") {
        throw StatusError(404, "NotFound", "no subresource '" + path.subresource + "'");
    } else if (request.method == "GET" && path.name.empty()) {
        const auto flag = request.parameter("watch");
        (flag == "1" || flag == "true") ? watch(request, path, exchange)
                                        : list(request, path, exchange);
    } else if (request.method == "GET") {
        const auto object = lab_.store().get(path.key());
        if (!object) {
            throw StatusError::not_found(path.plural, path.name);
        }
        exchange->reply(200, object->body);
    } else if (request.method == "DELETE") {
        remove(request, path, exchange);
    } else {
        change(request, path, exchange);
    }
}

void Routes::list(
    const ApiRequest& request, const ResourcePath& path, const ExchangePtr& exchange) {
    auto body = list_of(path.kind, path.api_version, lab_.store().revision());
    for (const auto& object : Selection(request, path).list(lab_.store())) {
        body["items"].push_back(object->body);
    }
    exchange->reply(200, body);
}

void Routes::watch(
    const ApiRequest& request, const ResourcePath& path, const ExchangePtr& exchange) {
    const Selection selection(request, path);
    std::vector<store::Event> backlog;
    if (const auto from = request.parameter("resourceVersion"); !from.empty()) {
        backlog = lab_.store().since(parse_revision(from));
    } else {
        for (const auto& object : selection.list(lab_.store())) {
            backlog.push_back({store::EventType::Added, object, lab_.store().revision()});
        }
    }
    exchange->start_stream("application/json");
    for (const auto& event : backlog) {
        if (const auto line = selection.line(event)) {
            exchange->send_line(*line);
        }
    }
    // The exchange holds the callback that ends the watch, so the watch must not hold the exchange.
    const std::weak_ptr<Exchange> weak = exchange;
    auto& objects = lab_.watchable();
    const auto id = objects.watch([weak, selection](const store::Event& event) {
        if (const auto stream = weak.lock()) {
            if (const auto line = selection.line(event)) {
                stream->send_line(*line);
            }
        }
    });
    exchange->on_disconnect([&objects, id] { objects.unwatch(id); });
}

void Routes::change(
    const ApiRequest& request, const ResourcePath& path, const ExchangePtr& exchange) {
    if (request.method == "PATCH") {
        exchange->reply(200, lab_.merge_patch(path.key(), request.json())->body);
        return;
    }
    if (request.method != "POST" && request.method != "PUT") {
        throw StatusError(405, "MethodNotAllowed", request.method + " is not allowed here");
    }
    api::Object object{request.json(), {}};
    if (path.namespaced && object.ns().empty() && !path.ns.empty()) {
        object.body["metadata"]["namespace"] = path.ns;
    }
    if (object.kind() != path.kind || (!path.ns.empty() && object.ns() != path.ns) ||
        (!path.name.empty() && object.name() != path.name)) {
        throw StatusError::bad_request("the object in the body is not the one that the path names");
    }
    const bool exists = lab_.store().get(object.key()) != nullptr;
    if (request.method == "POST" && exists) {
        throw StatusError::already_exists(path.plural, object.name());
    }
    if (request.method == "PUT" && !exists) {
        throw StatusError::not_found(path.plural, object.name());
    }
    exchange->reply(
        exists ? 200 : kCreated,
        (exists ? lab_.replace(std::move(object)) : lab_.create(std::move(object)))->body);
}

void Routes::remove(
    const ApiRequest& request, const ResourcePath& path, const ExchangePtr& exchange) {
    std::vector<api::ObjectKey> keys;
    if (!path.name.empty()) {
        keys.push_back(path.key());
    } else {
        for (const auto& object : Selection(request, path).list(lab_.store())) {
            keys.push_back(object->key());
        }
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

void Routes::logs(
    const ApiRequest& request, const ResourcePath& path, const ExchangePtr& exchange) {
    auto* of_node = path.kind == "Node" ? lab_.bird_logs("node/" + path.name) : nullptr;
    if (!lab_.store().get(path.key()) || (path.kind != "Pod" && of_node == nullptr)) {
        throw StatusError::not_found(path.plural, path.name);
    }
    const auto container = request.parameter("container");
    if (path.kind == "Pod" && !container.empty()) {
        const auto& containers = api::at(lab_.store().get(path.key())->body, "spec.containers");
        const bool known =
            std::any_of(containers.begin(), containers.end(), [&container](const auto& each) {
                return api::string_at(each, "name") == container;
            });
        if (!known) {
            throw StatusError::bad_request(
                "container " + container + " is not valid for pod " + path.name);
        }
    }
    const auto lines = request.parameter("tailLines");
    const auto follow = request.parameter("follow");
    exchange->start_stream("text/plain; charset=utf-8");
    if (of_node != nullptr) {
        exchange->send_text(
            of_node->tail(lines.empty() ? -1 : static_cast<int>(parse_revision(lines))));
        exchange->finish();
        return;
    }
    lab_.runtime().logs(
        path.key(),
        container,
        lines.empty() ? -1 : static_cast<int>(parse_revision(lines)),
        follow == "1" || follow == "true",
        exchange);
}

void Routes::discover(const ApiRequest& request, const ExchangePtr& exchange) {
    const auto& path = request.path;
    if (path[0] == "api" && path.size() == 1) {
        exchange->reply(200, {{"kind", "APIVersions"}, {"versions", {"v1"}}});
        return;
    }
    const auto version = path[0] == "api"   ? path[1]
                         : path.size() == 3 ? path[1] + "/" + path[2]
                                            : "";
    Json groups = Json::object();
    Json resources = Json::array();
    for (const auto& info : api::kinds()) {
        const auto slash = info.api_version.find('/');
        if (slash != std::string::npos) {
            const auto group = info.api_version.substr(0, slash);
            const Json entry{
                {"groupVersion", info.api_version},
                {"version", info.api_version.substr(slash + 1)}};
            auto& known = groups[group];
            if (known.is_null()) {
                known = {{"name", group}, {"versions", Json::array()}, {"preferredVersion", entry}};
            }
            auto& versions = known["versions"];
            if (std::find(versions.begin(), versions.end(), entry) == versions.end()) {
                versions.push_back(entry);
            }
        }
        if (info.api_version == version) {
            resources.push_back(
                {{"name", info.plural},
                 {"singularName", ""},
                 {"namespaced", info.namespaced},
                 {"kind", api::plain_kind(info.kind)},
                 {"shortNames", info.short_names},
                 {"verbs", {"create", "delete", "get", "list", "patch", "update", "watch"}}});
        }
    }
    if (version.empty()) {
        Json list = Json::array();
        for (const auto& [name, group] : groups.items()) {
            list.push_back(group);
        }
        exchange->reply(200, {{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", list}});
        return;
    }
    exchange->reply(
        200,
        {{"kind", "APIResourceList"},
         {"apiVersion", "v1"},
         {"groupVersion", version},
         {"resources", resources}});
}

} // namespace labctl::supervisor
