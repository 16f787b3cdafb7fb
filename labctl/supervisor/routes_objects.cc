#include <algorithm>
#include <ctime>

#include "labctl/api/field_selector.h"
#include "labctl/api/status_error.h"
#include "labctl/report/printer.h"
#include "labctl/report/table_object.h"
#include "labctl/supervisor/routes.h"
#include "labctl/supervisor/routes_json.h"

namespace labctl::supervisor {

using api::Json;
using api::StatusError;

namespace {

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

std::uint64_t parse_revision(const std::string& text) {
    return parse_number("resourceVersion", text);
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
    } else if (path.kind == "Pod" && is_stream(path.subresource)) {
        stream(request, path, exchange);
    } else if (!path.subresource.empty() && path.subresource != "status") {
        throw StatusError(
            404, "NotFound", "a lab's API has no '" + path.subresource + "' of " + path.plural);
    } else if (request.method == "GET" && path.name.empty()) {
        request.flag("watch") ? watch(request, path, exchange) : list(request, path, exchange);
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

std::vector<api::ObjectPtr>
Routes::selected(const ApiRequest& request, const ResourcePath& path) const {
    return Selection(request, path, Form(request, path, lab_.store())).list(lab_.store());
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

void Routes::logs(
    const ApiRequest& request, const ResourcePath& path, const ExchangePtr& exchange) {
    auto* of_node = path.kind == "Node" ? lab_.bird_logs("node/" + path.name) : nullptr;
    if (!lab_.store().get(path.key()) || (path.kind != "Pod" && of_node == nullptr)) {
        throw StatusError::not_found(path.plural, path.name);
    }
    const auto container = request.parameter("container");
    if (path.kind == "Pod") {
        check_container(*lab_.store().get(path.key()), container);
    }
    const auto lines = request.parameter("tailLines");
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
        request.flag("follow"),
        exchange);
}

} // namespace labctl::supervisor
