#include <algorithm>
#include <ctime>

#include "labctl/api/field_selector.h"
#include "labctl/api/status_error.h"
#include "labctl/report/printer.h"
#include "labctl/report/table_object.h"
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

/// How a client wants to see objects: as they are, or as the rows that kubectl prints
/// ("application/json;as=Table", kubernetes.io/docs/reference/using-api/api-concepts).
class Form {
public:
    Form(const ApiRequest& request, const ResourcePath& path, const store::Store& store)
        : table_(request.accept.find("as=Table") != std::string::npos) {
        const auto include = request.parameter("includeObject");
        options_.include = include == "Object" ? report::IncludeObject::Whole
                           : include == "None" ? report::IncludeObject::None
                                               : report::IncludeObject::Metadata;
        options_.now = std::time(nullptr);
        if (table_ && path.kind == "Service") {
            endpoints_ = std::make_shared<const std::map<std::string, std::string>>(
                report::endpoints_by_service(store.list("EndpointSlice")));
            options_.endpoints = endpoints_.get();
        }
    }

    [[nodiscard]] bool is_table() const { return table_; }
    [[nodiscard]] Json
    table(const std::string& kind, std::span<const api::ObjectPtr> objects) const {
        return report::table_object(kind, objects, options_);
    }
    [[nodiscard]] Json of(const api::ObjectPtr& object) const {
        return table_ ? table(object->kind(), {&object, 1}) : object->body;
    }

private:
    bool table_;
    report::TableOptions options_;
    std::shared_ptr<const std::map<std::string, std::string>> endpoints_;
};

Json watch_line(store::EventType type, const api::ObjectPtr& object, const Form& form) {
    return {{"type", store::to_string(type)}, {"object", form.of(object)}};
}

/// What a request for a collection selects: its path, labelSelector and fieldSelector.
class Selection {
public:
    Selection(const ApiRequest& request, const ResourcePath& path, Form form)
        : path_(path), form_(std::move(form)),
          labels_(api::Selector::parse(request.parameter("labelSelector"))),
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
            return now ? std::optional(watch_line(event.type, event.object, form_)) : std::nullopt;
        }
        return now ? watch_line(store::EventType::Added, event.object, form_)
                   : watch_line(store::EventType::Deleted, event.previous, form_);
    }

private:
    [[nodiscard]] bool matches(const api::Object& object) const {
        return object.kind() == path_.kind && (path_.ns.empty() || object.ns() == path_.ns) &&
               (path_.name.empty() || object.name() == path_.name) &&
               labels_.matches(object.labels()) && fields_.matches(object);
    }

    ResourcePath path_;
    Form form_;
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

/// kubectl shows nothing but the message, so what to do instead is a part of it.
std::string no_subresource(const ResourcePath& path) {
    auto text = "a lab's API has no '" + path.subresource + "' of " + path.plural;
    if (path.subresource == "exec" || path.subresource == "attach") {
        return text + ": `labctl exec " + path.ns + "/" + path.name +
               " -- COMMAND` runs a command there";
    }
    if (path.subresource == "portforward") {
        return text + ": `labctl exec external -- curl ...` calls a Service from outside";
    }
    return text;
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
        throw StatusError(404, "NotFound", no_subresource(path));
    } else if (request.method == "GET" && path.name.empty()) {
        const auto flag = request.parameter("watch");
        (flag == "1" || flag == "true") ? watch(request, path, exchange)
                                        : list(request, path, exchange);
    } else if (request.method == "GET") {
        const auto object = lab_.store().get(path.key());
        if (!object) {
            throw StatusError::not_found(path.plural, path.name);
        }
        exchange->reply(200, Form(request, path, lab_.store()).of(object));
    } else if (request.method == "DELETE") {
        remove(request, path, exchange);
    } else {
        change(request, path, exchange);
    }
}

void Routes::list(
    const ApiRequest& request, const ResourcePath& path, const ExchangePtr& exchange) {
    const Form form(request, path, lab_.store());
    const auto objects = Selection(request, path, form).list(lab_.store());
    if (form.is_table()) {
        auto table = form.table(path.kind, objects);
        table["metadata"]["resourceVersion"] = std::to_string(lab_.store().revision());
        exchange->reply(200, table);
        return;
    }
    auto body = list_of(path.kind, path.api_version, lab_.store().revision());
    for (const auto& object : objects) {
        body["items"].push_back(object->body);
    }
    exchange->reply(200, body);
}

void Routes::watch(
    const ApiRequest& request, const ResourcePath& path, const ExchangePtr& exchange) {
    const Selection selection(request, path, Form(request, path, lab_.store()));
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

namespace {

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
        for (const auto& object :
             Selection(request, path, Form(request, path, lab_.store())).list(lab_.store())) {
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

} // namespace labctl::supervisor
