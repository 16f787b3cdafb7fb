#include <algorithm>

#include "labctl/api/status_error.h"
#include "labctl/supervisor/routes.h"
#include "netemu/base/text.h"

/// What the control API tells clients about itself: kinds, groups, and which parameters it takes.
namespace labctl::supervisor {

using api::Json;

namespace {

/// Whether `kubectl get all` asks for it.
bool in_all(const std::string& plural) {
    const auto& all = api::plurals_of_all();
    return std::find(all.begin(), all.end(), plural) != all.end();
}

std::string root_of(const std::string& api_version) {
    return (api_version.find('/') == std::string::npos ? "api/" : "apis/") + api_version;
}

/// The OpenAPI document of a group: no schemas, but that edits take `fieldValidation`, which is all
/// that `kubectl apply` wants to know before it leaves validation to the server.
Json openapi_of(const std::string& root) {
    Json paths = Json::object();
    for (const auto& info : api::kinds()) {
        if (root_of(info.api_version) != root) {
            continue;
        }
        const auto group = api::group_of(info.api_version);
        const auto path = "/" + root + (info.namespaced ? "/namespaces/{namespace}/" : "/") +
                          info.plural + "/{name}";
        Json parameters = Json::array();
        for (const auto* name : {"dryRun", "fieldManager", "fieldValidation"}) {
            parameters.push_back(
                {{"name", name}, {"in", "query"}, {"schema", {{"type", "string"}}}});
        }
        paths[path]["patch"] = {
            {"parameters", std::move(parameters)},
            {"responses", {{"200", {{"description", "OK"}}}}},
            {"x-kubernetes-action", "patch"},
            {"x-kubernetes-group-version-kind",
             {{"group", group},
              {"version", info.api_version.substr(group.empty() ? 0 : group.size() + 1)},
              {"kind", api::plain_kind(info.kind)}}}};
    }
    return {
        {"openapi", "3.0.0"},
        {"info", {{"title", "labctl"}, {"version", LABCTL_VERSION}}},
        {"paths", std::move(paths)},
        {"components", {{"schemas", Json::object()}}}};
}

} // namespace

void Routes::openapi(const ApiRequest& request, const ExchangePtr& exchange) {
    const std::vector<std::string> rest(request.path.begin() + 2, request.path.end());
    if (rest.empty()) {
        Json paths = Json::object();
        for (const auto& info : api::kinds()) {
            const auto root = root_of(info.api_version);
            paths[root] = {{"serverRelativeURL", "/openapi/v3/" + root}};
        }
        exchange->reply(200, {{"paths", std::move(paths)}});
        return;
    }
    exchange->reply(200, openapi_of(netemu::join(rest, "/")));
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
                 {"categories", in_all(info.plural) ? Json{"all"} : Json::array()},
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
