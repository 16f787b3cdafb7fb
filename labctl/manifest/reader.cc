#include "labctl/manifest/reader.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "labctl/manifest/compose.h"
#include "labctl/manifest/partly_read.h"
#include "labctl/manifest/rules_meta.h"
#include "labctl/manifest/schema.h"
#include "labctl/manifest/walk.h"
#include "labctl/manifest/yaml_split.h"
#include "labctl/manifest/yaml_value.h"
#include "netemu/base/limits.h"

namespace labctl::manifest {

namespace {

using api::Json;
namespace limits = netemu::limits;

/// After so many errors the input is not what anybody meant to give us.
constexpr std::size_t kErrorsMax = 5 * limits::kDiagnosticsMax;
constexpr int kListDepthMax = 4; // lists of lists

/// The mistakes of one document in the order of its lines, however they were found.
class InOrder {
public:
    explicit InOrder(Findings& findings) : findings_(findings), start_(findings.list.size()) {}
    InOrder(const InOrder&) = delete;
    InOrder& operator=(const InOrder&) = delete;
    ~InOrder() {
        const auto first = findings_.list.begin() + static_cast<std::ptrdiff_t>(start_);
        std::stable_sort(first, findings_.list.end(), [](const Diagnostic& a, const Diagnostic& b) {
            return std::pair(a.source.line, a.source.column) <
                   std::pair(b.source.line, b.source.column);
        });
    }

private:
    Findings& findings_;
    std::size_t start_;
};

bool is_list_kind(const Json& value) {
    const auto kind = api::string_at(value, "kind");
    return kind.ends_with("List") && api::at(value, "items").is_array();
}

/// A list of objects, which belongs under `kind: List`.
bool holds_objects(const Json& list) {
    return !list.empty() && list.front().is_object() && list.front().contains("kind") &&
           list.front().contains("apiVersion");
}

std::string subject_of(const Json& body) {
    const auto kind = api::string_at(body, "kind");
    const auto name = api::string_at(body, "metadata.name");
    return name.empty() ? kind : compose({kind, " ", quoted(Json(name))});
}

/// Where the fields of an assertion are, by their paths in it. They nest twice ("expect.body").
void note_places(
    const Cursor& mapping, const std::string& prefix, std::map<std::string, api::Source>& places) {
    mapping.each_key([&](std::string_view name, const Cursor& field) {
        const auto path = prefix + std::string(name);
        places[path] = field.report().place(field.path(), Report::At::Key);
        note_places(field, path + ".", places);
    });
}

const Node* item_of(const Node* list, std::size_t index) {
    const auto* items = list == nullptr ? nullptr : find_entry(*list, "items").value;
    return items != nullptr && index < items->children.size() ? items->children[index] : nullptr;
}

} // namespace

bool Reader::read(const std::string& file, std::string_view text) {
    if (const auto bad = find_bad_text(text)) {
        SourceLines lines(text, {text});
        FileReport(result_.findings, file, &lines)
            .add(Severity::Error, bad->line, bad->column, bad->message, bad->hint);
        return true;
    }
    for (const auto& chunk : split_documents(text)) {
        InOrder order(result_.findings);
        SourceLines lines(text, chunk);
        FileReport report(result_.findings, file, &lines);
        lines_ = &lines;
        read_chunk(report, chunk);
        lines_ = nullptr;
        if (result_.findings.errors >= kErrorsMax) {
            result_.findings.gave_up = true;
            return false;
        }
    }
    return true;
}

void Reader::read_chunk(FileReport& file, const Chunk& chunk) {
    if (chunk.text.size() > limits::kDocumentBytesMax) {
        file.add(
            Severity::Error,
            chunk.line,
            chunk.column,
            compose(
                {"the document has ",
                 std::to_string(chunk.text.size()),
                 " bytes; the API server takes ",
                 std::to_string(limits::kDocumentBytesMax)}),
            "separate the objects with lines '---'");
        return;
    }
    try {
        read_documents(file, chunk);
    } catch (const SyntaxError& error) {
        file.add(Severity::Error, error.line, error.column, error.message, error.hint);
    }
}

void Reader::read_documents(FileReport& file, const Chunk& chunk) {
    YamlParser parser(chunk, aliases_);
    while (const auto document = parser.next()) {
        Problems problems;
        const auto* root = document->root();
        auto value = to_json(*root, problems);
        for (const auto& problem : problems) {
            file.add(Severity::Error, problem.line, problem.column, problem.message, problem.hint);
        }
        if (options_.bare_lists && value.is_array() && !holds_objects(value)) {
            read_bare_list(file, value, *root);
        } else {
            read_value(file, std::move(value), root, 0);
        }
    }
}

void Reader::read_value(FileReport& file, Json value, const Node* node, int depth) {
    if (!value.is_object()) {
        file.add(
            Severity::Error,
            node == nullptr ? 0 : node->line,
            node == nullptr ? 0 : node->column,
            compose(
                {"expected an object with apiVersion and kind, found ",
                 value.is_array() ? "a list" : quoted(value)}),
            value.is_array() ? "put the objects under `kind: List`, or separate them with '---'"
                             : "");
        return;
    }
    if (is_list_kind(value) && depth < kListDepthMax) {
        read_list(file, value, node, depth);
    } else {
        read_object(file, std::move(value), node);
    }
}

void Reader::read_list(FileReport& file, Json& list, const Node* node, int depth) {
    auto kind = api::string_at(list, "kind");
    kind.resize(kind.size() - std::string_view("List").size());
    const auto api_version = api::string_at(list, "apiVersion");
    auto& items = list["items"];
    for (std::size_t i = 0; i < items.size(); ++i) {
        auto& item = items[i];
        if (item.is_object() && !kind.empty() && !item.contains("kind")) {
            item["kind"] = kind; // a typed list says it once for all
            if (!item.contains("apiVersion")) {
                item["apiVersion"] = api_version;
            }
        }
        read_value(file, std::move(item), item_of(node, i), depth + 1);
    }
}

void Reader::read_bare_list(FileReport& file, const Json& list, const Node& node) {
    Report report(file, &node, {});
    const auto name = std::filesystem::path(file.file()).stem().string();
    take_assertions(Cursor(report, list, {}), name, options_.default_namespace);
}

bool Reader::resolve(Report& report, const Json& body, Resolved& resolved) {
    const Cursor object(report, body, {});
    bool fine = true;
    for (const std::string_view field : {"apiVersion", "kind"}) {
        const auto at = object[field];
        if (!at.present() || at.text().empty()) {
            at.present() && !at.is_text()
                ? at.error("expected a string", "put it in quotes, so that it is text")
                : at.required();
            fine = false;
        }
    }
    if (!fine) {
        return false;
    }
    resolved = resolve_kind(object["apiVersion"].text(), object["kind"].text());
    if (!resolved.problem.empty()) {
        const bool group_known = resolved.hint.starts_with("did you mean '");
        object[group_known ? "kind" : "apiVersion"].error(resolved.problem, resolved.hint);
        return false;
    }
    return true;
}

void Reader::check_body(Report& report, Json& body, const Resolved& resolved) const {
    const auto* type = resolved.typed == nullptr || options_.names_only
                           ? nullptr
                           : schema::find_struct(resolved.typed->kind);
    if (type != nullptr) {
        walk(body, *type, report);
    } else if (auto metadata = body.find("metadata");
               metadata != body.end() && metadata->is_object()) {
        walk(*metadata, schema::kObjectMeta, report, Path().field("metadata"));
    }
    check_metadata(Cursor(report, body, {}), resolved.typed);
}

void Reader::read_object(FileReport& file, Json body, const Node* node) {
    Report report(file, node, subject_of(body));
    report.strict = options_.strict;
    Resolved resolved;
    if (!resolve(report, body, resolved)) {
        return;
    }
    if (resolved.typed != nullptr) {
        body["apiVersion"] = resolved.typed->api_version;
    }
    auto written = resolved.typed == nullptr || options_.names_only ? std::string() : body.dump();
    check_body(report, body, resolved);
    place_in_namespace(report, body, resolved);
    take(report, std::move(body), resolved, std::move(written));
}

void Reader::place_in_namespace(Report& report, Json& body, const Resolved& resolved) {
    auto metadata = body.find("metadata");
    if (!resolved.namespaced || metadata == body.end() || !metadata->is_object()) {
        return;
    }
    const auto ns = api::string_at(body, "metadata.namespace");
    if (ns.empty()) {
        (*metadata)["namespace"] = options_.default_namespace;
    } else if (options_.one_namespace && ns != options_.default_namespace) {
        Cursor(report, body, {})["metadata"]["namespace"].error(
            compose(
                {"the namespace from the provided object \"",
                 ns,
                 "\" does not match the namespace \"",
                 options_.default_namespace,
                 "\""}),
            compose({"leave it out of the object, or give -n ", ns}));
    }
    use_namespace(report, body);
}

void Reader::use_namespace(Report& report, const Json& body) {
    constexpr std::array<std::string_view, 4> kAlways{
        "default", "kube-system", "kube-public", "kube-node-lease"};
    const auto ns = api::string_at(body, "metadata.namespace");
    const auto& known = options_.known_namespaces;
    if (std::find(kAlways.begin(), kAlways.end(), ns) != kAlways.end() ||
        std::find(known.begin(), known.end(), ns) != known.end() || first_uses_.contains(ns) ||
        !options_.may_create_namespaces) {
        return;
    }
    Diagnostic use;
    use.severity = Severity::Warning;
    use.source = report.place(Path().field("metadata").field("namespace"), Report::At::Value);
    if (lines_ != nullptr && use.source.line > 0) {
        use.source_line = lines_->line(static_cast<std::uint32_t>(use.source.line));
    }
    first_uses_.emplace(ns, std::move(use));
}

void Reader::take_assertions(const Cursor& list, const std::string& name, const std::string& ns) {
    if (!list.json().is_array()) {
        list.present() ? list.error("expected a list of assertions", "begin each one with '- '")
                       : list.required("a Check needs assertions");
        return;
    }
    if (list.size() == 0) {
        list.required("a Check needs assertions");
    }
    list.each([&](const Cursor& item) {
        if (!item.is_text() && !item.json().is_object()) {
            item.error(
                compose({"expected an assertion, found ", quoted(item.json())}),
                "for example: frontend -> backend:8080/tcp allow");
            return;
        }
        auto& taken = result_.assertions.emplace_back();
        taken = {item.json(), item.report().place(item.path(), Report::At::Value), name, ns, {}};
        note_places(item, {}, taken.places);
    });
}

/// kubectl lets the later of two files win. So do we where nothing acts on the kind: collections of
/// samples have several variants of one object in a directory. Otherwise it is a mistake.
bool Reader::first_of_its_name(Report& report, const api::Object& object, bool typed) {
    const auto key = object.key();
    const auto [found, first] = names_.emplace(key, object.source);
    if (first || key.name.empty()) {
        return true;
    }
    const auto earlier = found->second.to_string();
    const bool replaces = !typed && found->second.file != object.source.file;
    report.add(
        replaces ? Severity::Warning : Severity::Error,
        Path().field("metadata").field("name"),
        Report::At::Value,
        compose(
            {"Duplicate value: ",
             quoted(Json(key.name)),
             ": ",
             key.to_string(),
             replaces ? " replaces the one" : " is defined already",
             earlier.empty() ? "" : " at ",
             earlier}),
        replaces ? "" : "remove one of them, or give it another name or namespace");
    if (replaces) {
        found->second = object.source;
        std::erase_if(result_.objects, [&](const api::Object& old) { return old.key() == key; });
    }
    return replaces;
}

void Reader::take(Report& report, Json body, const Resolved& resolved, std::string written) {
    api::Object object{std::move(body), report.place({}, Report::At::Value), std::move(written)};
    if (!first_of_its_name(report, object, resolved.typed != nullptr)) {
        return;
    }
    const auto kind = object.kind();
    if (resolved.typed != nullptr && kind == "Lab") {
        if (lab_.line > 0 || !lab_.file.empty()) {
            report.add(
                Severity::Error,
                Path().field("kind"),
                Report::At::Value,
                compose({"there is a Lab already at ", lab_.to_string()}),
                "an input describes one lab");
        }
        lab_ = object.source;
    }
    if (resolved.typed != nullptr && kind == "Check") {
        const Cursor at(report, object.body, {});
        take_assertions(at["spec"]["assertions"], object.name(), object.ns());
    }
    if (kind == "CustomResourceDefinition" &&
        api::string_at(object.body, "spec.scope") == "Cluster") {
        cluster_wide_.insert(compose(
            {api::string_at(object.body, "spec.group"),
             "/",
             api::string_at(object.body, "spec.names.kind")}));
    }
    if (report.errors() > 0) {
        return;
    }
    result_.objects.push_back(std::move(object));
}

void Reader::note_untyped(const api::Object& object) {
    if (api::find_kind(object.kind(), object.api_version()) != nullptr) {
        return;
    }
    const auto kind = object.kind();
    const auto api_version = object.api_version();
    auto& kinds = result_.untyped_kinds;
    auto found = std::find_if(kinds.begin(), kinds.end(), [&](const UntypedKind& known) {
        return known.kind == kind && known.api_version == api_version;
    });
    if (found == kinds.end()) {
        found = kinds.insert(kinds.end(), {kind, api_version, 0, object.source});
    }
    ++found->count;
}

void Reader::add(Json body) {
    FileReport file(result_.findings, {}, nullptr);
    read_value(file, std::move(body), nullptr, kListDepthMax);
}

/// Objects of cluster-wide custom kinds have no namespace; the definition may come after them.
void Reader::apply_custom_scopes() {
    for (auto& object : result_.objects) {
        const auto key =
            compose({api::group_of(object.api_version()), "/", api::plain_kind(object.kind())});
        if (cluster_wide_.contains(key)) {
            object.body["metadata"].erase("namespace");
        }
    }
}

void Reader::find_implicit_namespaces() {
    for (auto& [ns, use] : first_uses_) {
        if (names_.contains({"Namespace", {}, ns})) {
            continue;
        }
        use.message = compose({"namespace \"", ns, "\" is not defined: it is created"});
        use.hint = "add a Namespace object if it needs labels";
        result_.findings.add(std::move(use));
        result_.implicit_namespaces.push_back(ns);
    }
}

ReadResult Reader::finish() {
    if (!cluster_wide_.empty()) {
        apply_custom_scopes();
    }
    find_implicit_namespaces();
    for (const auto& object : result_.objects) {
        note_untyped(object);
    }
    if (result_.findings.errors > 0) {
        throw PartlyRead(std::move(result_.findings), std::move(result_.assertions));
    }
    return std::move(result_);
}

} // namespace labctl::manifest
