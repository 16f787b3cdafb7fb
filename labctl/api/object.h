#pragma once

#include <compare>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Kubernetes objects as we keep them: the JSON of the object, with typed views where something
/// acts on it.
namespace labctl::api {

using Json = nlohmann::json;
using Labels = std::map<std::string, std::string>;

/// One kind of object that the API serves.
struct KindInfo {
    /// "Deployment"; of a kind whose name another group's kind has already, with its group:
    /// "AuthorizationPolicy.policy.linkerd.io". Unlike the `kind` in an object's JSON it is unique.
    std::string kind;
    std::string api_version;              // "apps/v1"
    std::string plural;                   // "deployments"
    std::vector<std::string> short_names; // "deploy"; the singular is always understood too
    bool namespaced = true;
    bool typed = true; // false: stored and listed, nothing acts on it
};

/// All typed kinds, in the order in which `get all` and the API discovery list them.
const std::vector<KindInfo>& kinds();
/// What `all` stands for, as in kubectl, by plural and in the order of its listing.
const std::vector<std::string>& plurals_of_all();
/// By kind, plural, singular or short name, in any case ("pod", "po", "Pods"), or, as kubectl has
/// it, with the group or version and group ("deployments.apps", "deploy.v1.apps"); nullptr if
/// unknown. Of several kinds of a name, the first.
const KindInfo* find_kind(std::string_view word);
/// The same, all of them: more than one where groups share a name.
std::vector<const KindInfo*> find_kinds(std::string_view word);
/// By exact kind and apiVersion; nullptr if unknown.
const KindInfo* find_kind(std::string_view kind, std::string_view api_version);
/// "AuthorizationPolicy" of "AuthorizationPolicy.policy.linkerd.io": what JSON says.
std::string_view plain_kind(std::string_view kind);
/// "apps" of "apps/v1"; "" of "v1".
std::string_view group_of(std::string_view api_version);
/// The kind by which objects are kept: that of `kinds()`, and of a kind that is not ours its own
/// name, with its group where one of ours has the name.
std::string unique_kind(std::string_view kind, std::string_view api_version);
/// The plural that the API server would use for a kind that we do not know: "VirtualService" ->
/// "virtualservices", "Policy" -> "policies", "Ingress" -> "ingresses".
std::string guess_plural(std::string_view kind);

struct ObjectKey {
    std::string kind;
    std::string ns; // empty for cluster-wide kinds
    std::string name;
    auto operator<=>(const ObjectKey&) const = default;
    /// "deployment/frontend" or, outside the default namespace, "deployment/prod/frontend".
    [[nodiscard]] std::string to_string() const;
};

/// Where an object came from: for messages and for `explain`.
struct Source {
    std::string file; // "" when it was made by a controller or came over the API
    int line = 0;
    int column = 0;
    [[nodiscard]] std::string to_string() const; // "file:line"
};

/// One object. A value; the store shares immutable ones by pointer.
struct Object {
    Json body;
    Source source;
    /// On its way to be applied: its JSON as it was written, without the defaults that `body` has.
    /// "": `body` is that.
    std::string written{};

    [[nodiscard]] std::string kind() const; // unique_kind
    [[nodiscard]] std::string api_version() const;
    [[nodiscard]] std::string name() const;
    [[nodiscard]] std::string ns() const; // metadata.namespace, or ""
    [[nodiscard]] std::string uid() const;
    [[nodiscard]] Labels labels() const;
    [[nodiscard]] Labels annotations() const;
    [[nodiscard]] ObjectKey key() const;
};
using ObjectPtr = std::shared_ptr<const Object>;

/// The value at a path of field names, or a null JSON when anything on the way is absent or not an
/// object. `at(body, "spec.template.metadata.labels")`; names never contain dots here.
const Json& at(const Json& json, std::string_view path);
std::string string_at(const Json& json, std::string_view path, std::string_view fallback = {});
std::int64_t int_at(const Json& json, std::string_view path, std::int64_t fallback);
bool bool_at(const Json& json, std::string_view path, bool fallback);
Labels labels_at(const Json& json, std::string_view path);

/// Adds `name` to a JSON object that has no such field yet. Several times faster than a nested
/// initializer list where thousands of objects are made; fastest in order of names.
void add_field(Json& object, const char* name, Json value);

/// A label selector: matchLabels with matchExpressions, or the text of `-l` ("app=web,tier in
/// (a,b),!old"). Semantics of k8s.io/apimachinery labels and metav1.LabelSelector.
class Selector {
public:
    enum class Operator { In, NotIn, Exists, DoesNotExist };
    struct Requirement {
        std::string key;
        Operator op = Operator::Exists;
        std::vector<std::string> values;
    };

    Selector() = default; // matches everything
    /// metav1.LabelSelector. The input has been validated before.
    static Selector from_json(const Json& label_selector);
    static Selector from_labels(const Labels& labels);
    /// The text form; throws netemu::UsageError that says which part is wrong.
    static Selector parse(std::string_view text);

    [[nodiscard]] bool matches(const Labels& labels) const;
    [[nodiscard]] bool empty() const { return requirements_.empty(); }
    [[nodiscard]] std::string to_string() const;

private:
    std::vector<Requirement> requirements_;
};

} // namespace labctl::api
