#include "labctl/report/printer.h"

#include <algorithm>
#include <cctype>

#include "labctl/report/duration.h"
#include "labctl/report/printer_kinds.h"
#include "netemu/base/text.h"

namespace labctl::report {

namespace {

using api::Json;

std::vector<Cell> age_row(const Json& body, const PrintOptions& options) {
    return {age_of(body, options)};
}

/// "ZONE" of "topology.kubernetes.io/zone", as in kubectl.
std::string label_title(const std::string& key) {
    auto title = key.substr(key.rfind('/') + 1);
    std::transform(title.begin(), title.end(), title.begin(), [](unsigned char character) {
        return static_cast<char>(std::toupper(character));
    });
    return title;
}

/// Which columns are shown, and where NAME goes.
class Listing {
public:
    Listing(const KindPrinter& printer, const PrintOptions& options, bool namespaced)
        : printer_(printer), options_(options),
          show_namespace_(options.show_namespace && namespaced) {}

    [[nodiscard]] Table table() const {
        std::vector<std::string> titles;
        if (show_namespace_) {
            titles.emplace_back("NAMESPACE");
        }
        if (!printer_.name_last) {
            titles.emplace_back("NAME");
        }
        for (const auto& column : printer_.columns) {
            if (options_.wide || !column.wide) {
                titles.emplace_back(column.title);
            }
        }
        if (printer_.name_last && options_.wide) {
            titles.emplace_back("NAME");
        }
        for (const auto& key : options_.label_columns) {
            titles.push_back(label_title(key));
        }
        if (options_.show_labels) {
            titles.emplace_back("LABELS");
        }
        return Table::of(std::move(titles));
    }

    [[nodiscard]] std::vector<Cell> row(const api::Object& object) const {
        const auto name =
            options_.show_kind ? resource_name(object) + "/" + object.name() : object.name();
        std::vector<Cell> cells;
        if (show_namespace_) {
            cells.emplace_back(object.ns());
        }
        if (!printer_.name_last) {
            cells.emplace_back(name);
        }
        auto values = printer_.row(object.body, options_);
        for (std::size_t i = 0; i < printer_.columns.size(); ++i) {
            if (options_.wide || !printer_.columns[i].wide) {
                cells.push_back(std::move(values.at(i)));
            }
        }
        if (printer_.name_last && options_.wide) {
            cells.emplace_back(name);
        }
        if (!options_.label_columns.empty()) {
            const auto labels = object.labels();
            for (const auto& key : options_.label_columns) {
                const auto found = labels.find(key);
                cells.emplace_back(found == labels.end() ? std::string() : found->second);
            }
        }
        if (options_.show_labels) {
            cells.emplace_back(format_labels(api::at(object.body, "metadata.labels")));
        }
        return cells;
    }

private:
    const KindPrinter& printer_;
    const PrintOptions& options_;
    bool show_namespace_;
};

bool any_namespaced(std::span<const api::ObjectPtr> objects) {
    return std::ranges::any_of(objects, [](const auto& object) { return !object->ns().empty(); });
}

} // namespace

const KindPrinter& printer_for(const std::string& kind) {
    static const KindPrinter kGeneric{{{"AGE"}}, age_row};
    for (const auto* printer :
         {workload_printer(kind),
          network_printer(kind),
          linkerd_printer(kind),
          gateway_printer(kind),
          cluster_printer(kind)}) {
        if (printer != nullptr) {
            return *printer;
        }
    }
    return kGeneric;
}

std::string print_table(
    const std::string& kind, std::span<const api::ObjectPtr> objects, const PrintOptions& options) {
    if (objects.empty()) {
        return {};
    }
    const Listing listing(printer_for(kind), options, any_namespaced(objects));
    auto table = listing.table();
    for (const auto& object : objects) {
        table.add(listing.row(*object));
    }
    Table::Style style;
    style.headers = options.headers;
    style.colour = options.colour;
    return table.render(style);
}

std::string print_tables(std::span<const api::ObjectPtr> objects, const PrintOptions& options) {
    std::vector<std::pair<std::string, std::vector<api::ObjectPtr>>> groups;
    for (const auto& object : objects) {
        const auto kind = object->kind();
        auto group = std::ranges::find(groups, kind, [](const auto& entry) { return entry.first; });
        if (group == groups.end()) {
            groups.push_back({kind, {}});
            group = std::prev(groups.end());
        }
        group->second.push_back(object);
    }
    auto with_kind = options;
    with_kind.show_kind = options.show_kind || groups.size() > 1;
    std::string out;
    for (const auto& [kind, members] : groups) {
        out += out.empty() ? "" : "\n";
        out += print_table(kind, members, with_kind);
    }
    return out;
}

std::string resource_name(const api::Object& object) {
    const auto version = object.api_version();
    const auto slash = version.find('/');
    const auto kind = netemu::to_lower(api::plain_kind(object.kind()));
    return slash == std::string::npos ? kind : kind + "." + version.substr(0, slash);
}

std::string print_names(std::span<const api::ObjectPtr> objects) {
    std::string out;
    for (const auto& object : objects) {
        out += visible(resource_name(*object)) + "/" + visible(object->name()) + "\n";
    }
    return out;
}

Json list_object(std::span<const api::ObjectPtr> objects) {
    Json items = Json::array();
    for (const auto& object : objects) {
        items.push_back(object->body);
    }
    return {
        {"apiVersion", "v1"},
        {"kind", "List"},
        {"metadata", {{"resourceVersion", ""}}},
        {"items", std::move(items)}};
}

std::string age_of(const Json& body, const PrintOptions& options) {
    return age(api::string_at(body, "metadata.creationTimestamp"), options.now);
}

std::string number_at(const Json& body, std::string_view path) {
    return std::to_string(api::int_at(body, path, 0));
}

std::string or_none(const std::string& text) {
    return text.empty() ? "<none>" : text;
}

std::string joined(const Json& list, std::string_view field) {
    std::vector<std::string> parts;
    for (const auto& entry : list) {
        parts.push_back(api::string_at(entry, field));
    }
    return netemu::join(parts, ",");
}

std::string with_more(const std::vector<std::string>& list, std::size_t max, const char* if_empty) {
    if (list.empty()) {
        return if_empty;
    }
    const auto shown = std::min(max, list.size());
    const auto text = netemu::join(std::span(list).first(shown), ",");
    return shown == list.size() ? text
                                : text + " + " + std::to_string(list.size() - shown) + " more...";
}

std::string format_labels(const Json& mapping) {
    std::vector<std::string> parts;
    for (const auto& [key, value] : api::labels_at(Json{{"x", mapping}}, "x")) {
        parts.push_back(key + "=" + value);
    }
    return or_none(netemu::join(parts, ","));
}

std::string format_selector(const Json& label_selector) {
    return or_none(api::Selector::from_json(label_selector).to_string());
}

} // namespace labctl::report
