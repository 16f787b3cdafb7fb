#include <functional>
#include <map>

#include "labctl/report/graph_model.h"
#include "labctl/report/text.h"

namespace labctl::report {

namespace {

std::string replaced(std::string_view text, char from, std::string_view to) {
    std::string out;
    for (const char c : text) {
        out += c == from ? std::string(to) : std::string(1, c);
    }
    return out;
}

std::string mermaid_text(std::string_view text) {
    return replaced(visible(text), '"', "#quot;");
}

std::string dot_text(std::string_view text) {
    return replaced(replaced(visible(text), '\\', "\\\\"), '"', "\\\"");
}

std::string underlay_label(const GraphModel& model) {
    return "underlay " + model.input.underlay;
}

std::string node_label(const GraphNode& node) {
    return node.name + (node.zone.empty() ? "" : " (zone " + node.zone + ")");
}

std::string more(std::size_t hidden) {
    return "... and " + std::to_string(hidden) + " more";
}

/// The ports of a bridge: the pods that are drawn, and the count of those that are not.
void for_each_port(
    const GraphNode& node,
    const std::function<void(std::size_t number, const std::string& name, const std::string& ips)>&
        draw) {
    std::size_t number = 1;
    for (const auto& pod : node.pods) {
        draw(number++, pod.ns + "/" + pod.name, pod.ips);
    }
    if (node.hidden > 0) {
        draw(number, more(node.hidden), "");
    }
}

/// One level of the tree: the branch of an entry, and what stands before the lines below it.
struct Branch {
    std::string here;
    std::string below;
};

Branch branch(const std::string& prefix, bool last) {
    return {prefix + (last ? "`-- " : "|-- "), prefix + (last ? "    " : "|   ")};
}

std::string ascii_node(const GraphModel& model, const GraphNode& node, const Branch& at) {
    std::string out = at.here + visible(node_label(node)) + "  " + visible(node.ips) + "\n";
    out += at.below + "`-- " + model.input.bridge + "  " + visible(node.ranges) + "\n";
    std::size_t width = 0;
    for (const auto& pod : node.pods) {
        width = std::max(width, display_width(visible(pod.ips)));
    }
    const auto total = node.pods.size() + (node.hidden > 0 ? 1 : 0);
    for_each_port(node, [&](std::size_t number, const std::string& name, const std::string& ips) {
        const auto line = branch(at.below + "    ", number == total).here;
        const auto padding =
            width > display_width(visible(ips)) ? width - display_width(visible(ips)) : 0;
        const bool counted = ips.empty() && number == total && node.hidden > 0;
        out += line + (counted ? "" : visible(ips) + std::string(padding, ' ') + "  ") +
               visible(name) + "\n";
    });
    return out;
}

/// Identifiers of the devices of a topology: of a node that of its bridge.
class GraphDevices {
public:
    explicit GraphDevices(const GraphModel& model) {
        std::size_t index = 0;
        for (const auto& node : model.nodes) {
            ids_["node/" + node.name] = "n" + std::to_string(++index) + "_bridge";
        }
        ids_["external"] = "external";
        const auto first = ids_.size();
        for (const auto& link : model.input.links) {
            for (const auto* name : {&link.a, &link.b}) {
                const auto next = "d" + std::to_string(ids_.size() - first + 1);
                if (ids_.try_emplace(*name, next).second) {
                    own_.push_back(*name);
                }
            }
        }
    }
    [[nodiscard]] const std::string& id(const std::string& name) const { return ids_.at(name); }
    /// Those that are neither nodes nor the outside.
    [[nodiscard]] const std::vector<std::string>& own() const { return own_; }

private:
    std::map<std::string, std::string> ids_;
    std::vector<std::string> own_;
};

std::string mermaid_underlay(const GraphModel& model) {
    const auto& input = model.input;
    const auto outside = "  external[\"external<br/>" + mermaid_text(input.external_ip) + "\"]";
    if (input.links.empty()) {
        return "  underlay{{\"" + mermaid_text(underlay_label(model)) + "\"}}\n" +
               (input.external_ip.empty() ? "" : outside + " --- underlay\n");
    }
    const GraphDevices devices(model);
    auto out = input.external_ip.empty() ? "" : outside + "\n";
    for (const auto& name : devices.own()) {
        const bool is_switch = name.starts_with("switch/");
        out += "  " + devices.id(name) + (is_switch ? "{{\"" : "[\"") + mermaid_text(name) +
               (is_switch ? "\"}}\n" : "\"]\n");
    }
    for (const auto& link : input.links) {
        out += "  " + devices.id(link.a) + " ---" +
               (link.label.empty() ? "" : "|\"" + mermaid_text(link.label) + "\"|") + " " +
               devices.id(link.b) + "\n";
    }
    return out;
}

std::string dot_underlay(const GraphModel& model) {
    const auto& input = model.input;
    const auto outside = "  external [label=\"external\\n" + dot_text(input.external_ip) + "\"];\n";
    if (input.links.empty()) {
        return "  underlay [label=\"" + dot_text(underlay_label(model)) + "\", shape=hexagon];\n" +
               (input.external_ip.empty() ? "" : outside + "  external -- underlay;\n");
    }
    const GraphDevices devices(model);
    auto out = input.external_ip.empty() ? std::string() : outside;
    for (const auto& name : devices.own()) {
        out += "  " + devices.id(name) + " [label=\"" + dot_text(name) + "\"" +
               (name.starts_with("switch/") ? ", shape=hexagon" : "") + "];\n";
    }
    for (const auto& link : input.links) {
        out += "  " + devices.id(link.a) + " -- " + devices.id(link.b) +
               (link.label.empty() ? "" : " [label=\"" + dot_text(link.label) + "\"]") + ";\n";
    }
    return out;
}

std::string ascii_links(const GraphModel& model) {
    std::string out = model.input.links.empty() ? "" : "links:\n";
    for (const auto& link : model.input.links) {
        out += "    " + visible(link.a) + " -- " + visible(link.b) +
               (link.label.empty() ? "" : "  (" + visible(link.label) + ")") + "\n";
    }
    return out;
}

} // namespace

std::string graph_mermaid(const GraphModel& model) {
    std::string out = "%% " + visible(model.input.title) + "\nflowchart TB\n";
    out += mermaid_underlay(model);
    std::size_t index = 0;
    for (const auto& node : model.nodes) {
        const auto id = "n" + std::to_string(++index);
        out += "  subgraph " + id + "[\"" + mermaid_text(node_label(node)) + " " +
               mermaid_text(node.ips) + "\"]\n";
        out += "    " + id + "_bridge[/\"" + model.input.bridge + "<br/>" +
               mermaid_text(node.ranges) + "\"/]\n";
        for_each_port(
            node, [&](std::size_t number, const std::string& name, const std::string& ips) {
                out += "    " + id + "_bridge --- " + id + "_p" + std::to_string(number) + "(\"" +
                       mermaid_text(name) + (ips.empty() ? "" : "<br/>" + mermaid_text(ips)) +
                       "\")\n";
            });
        out += "  end\n";
        if (model.input.links.empty()) {
            out +=
                "  underlay ---" +
                (model.input.overlay.empty() ? "" : "|" + mermaid_text(model.input.overlay) + "|") +
                " " + id + "_bridge\n";
        }
    }
    index = 0;
    for (const auto& pod : model.unscheduled) {
        out += "  waiting" + std::to_string(++index) + "(\"" +
               mermaid_text(pod.ns + "/" + pod.name) + "<br/>not scheduled\")\n";
    }
    return out;
}

std::string graph_dot(const GraphModel& model) {
    std::string out = "graph \"" + dot_text(model.input.title) + "\" {\n";
    out += "  node [shape=box, style=rounded, fontname=\"monospace\"];\n  graph "
           "[fontname=\"monospace\"];\n";
    out += dot_underlay(model);
    std::size_t index = 0;
    for (const auto& node : model.nodes) {
        const auto id = "n" + std::to_string(++index);
        out += "  subgraph cluster_" + id + " {\n    label=\"" + dot_text(node_label(node)) +
               "\\n" + dot_text(node.ips) + "\";\n";
        out += "    " + id + "_bridge [label=\"" + model.input.bridge + "\\n" +
               dot_text(node.ranges) + "\", style=solid];\n";
        for_each_port(
            node, [&](std::size_t number, const std::string& name, const std::string& ips) {
                const auto port = id + "_p" + std::to_string(number);
                out += "    " + port + " [label=\"" + dot_text(name) +
                       (ips.empty() ? "" : "\\n" + dot_text(ips)) + "\"];\n    " + id +
                       "_bridge -- " + port + ";\n";
            });
        out += "  }\n";
        if (model.input.links.empty()) {
            out += "  underlay -- " + id + "_bridge" +
                   (model.input.overlay.empty()
                        ? ""
                        : " [label=\"" + dot_text(model.input.overlay) + "\"]") +
                   ";\n";
        }
    }
    index = 0;
    for (const auto& pod : model.unscheduled) {
        out += "  waiting" + std::to_string(++index) + " [label=\"" +
               dot_text(pod.ns + "/" + pod.name) + "\\nnot scheduled\", style=dashed];\n";
    }
    return out + "}\n";
}

std::string graph_ascii(const GraphModel& model) {
    std::string out = visible(model.input.title) + "\n";
    if (!model.input.external_ip.empty()) {
        out += "external  " + visible(model.input.external_ip) + "\n|\n";
    }
    out += visible(underlay_label(model)) +
           (model.input.overlay.empty() || model.nodes.size() < 2
                ? ""
                : "  (pods of different nodes: " + visible(model.input.overlay) + ")") +
           "\n";
    std::size_t left = model.nodes.size();
    for (const auto& node : model.nodes) {
        --left;
        out += ascii_node(model, node, branch("", left == 0));
    }
    if (!model.unscheduled.empty()) {
        out += "not scheduled:\n";
    }
    for (const auto& pod : model.unscheduled) {
        out += "    " + visible(pod.ns + "/" + pod.name) + "\n";
    }
    return out + ascii_links(model);
}

} // namespace labctl::report
