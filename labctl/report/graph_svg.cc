#include <algorithm>
#include <array>

#include "labctl/report/graph_model.h"
#include "labctl/report/text.h"
#include "netemu/base/text.h"

/// The layout is our own: external on top, below it rows of nodes, each row hanging on a bar of the
/// underlay; the bars are joined by a trunk at the left edge.
namespace labctl::report {

namespace {

// Pixels.
constexpr int kMargin = 24;
constexpr int kTrunk = 16; // room at the left edge for the trunk
constexpr int kNodeWidth = 300;
constexpr int kGap = 24;
constexpr int kHeader = 46;
constexpr int kBridge = 28;
constexpr int kPod = 40;
constexpr int kPodGap = 6;
constexpr int kBar = 30;
constexpr int kExternal = 44;
constexpr std::size_t kColumnsMax = 4;
constexpr std::size_t kCharsMax = 36;      // of the fixed-width font that fit into a pod's box
constexpr std::size_t kTitleCharsMax = 28; // of the bigger one of a node's title

struct Rect {
    int x = 0;
    int y = 0;
    int width = 0;
    int height = 0;
};

std::string shortened(const std::string& text, std::size_t max = kCharsMax) {
    const auto clean = visible(text);
    return clean.size() <= max ? clean : clean.substr(0, max - 3) + "...";
}

std::string number(const char* name, int value) {
    return std::string(" ") + name + "=\"" + std::to_string(value) + "\"";
}

std::string rect(const Rect& at, const std::string& css, const std::string& extra = {}) {
    return "<rect" + number("x", at.x) + number("y", at.y) + number("width", at.width) +
           number("height", at.height) + " class=\"" + css + "\"" + extra + "/>\n";
}

std::string text_at(int x, int y, const std::string& text, const char* css = "t") {
    return "<text" + number("x", x) + number("y", y) + " class=\"" + css + "\">" +
           xml_escape(text) + "</text>\n";
}

std::string line(int x1, int y1, int x2, int y2) {
    return "<line" + number("x1", x1) + number("y1", y1) + number("x2", x2) + number("y2", y2) +
           " class=\"l\"/>\n";
}

/// One colour for each namespace, the same in every drawing.
std::string colour_of(const std::string& ns) {
    static constexpr std::array<const char*, 8> kColours{
        "#dbeafe", "#dcfce7", "#fef9c3", "#fce7f3", "#ede9fe", "#ffedd5", "#ccfbf1", "#e5e7eb"};
    return kColours.at(netemu::fnv1a(ns) % kColours.size());
}

int node_height(const GraphNode& node) {
    const auto boxes = static_cast<int>(node.pods.size()) + (node.hidden > 0 ? 1 : 0);
    return kHeader + kBridge + boxes * (kPod + kPodGap) + 2 * kPodGap;
}

class Svg {
public:
    explicit Svg(const GraphModel& model)
        : model_(model), columns_(std::clamp<std::size_t>(model.nodes.size(), 1, kColumnsMax)) {}

    std::string render() {
        const auto columns = static_cast<int>(columns_);
        width_ = 2 * kMargin + kTrunk + columns * kNodeWidth + (columns - 1) * kGap;
        int y = kMargin + 20;
        body_ += text_at(kMargin, kMargin + 8, visible(model_.input.title), "h");
        y = external(y);
        for (std::size_t first = 0; first < model_.nodes.size(); first += columns_) {
            y = row(first, y);
        }
        y = unscheduled(y);
        return head(y + kMargin) + body_ + "</svg>\n";
    }

private:
    [[nodiscard]] std::string head(int height) const {
        return "<svg xmlns=\"http://www.w3.org/2000/svg\"" + number("width", width_) +
               number("height", height) + " viewBox=\"0 0 " + std::to_string(width_) + " " +
               std::to_string(height) + "\" role=\"img\">\n<title>" +
               xml_escape(visible(model_.input.title)) + "</title>\n" +
               "<style>.bg{fill:#ffffff}.n{fill:#f8fafc;stroke:#475569}.b{fill:#1e293b}.u{fill:#"
               "475569}"
               ".p{stroke:#94a3b8}.l{stroke:#475569;stroke-width:2}"
               "text{font-family:ui-monospace,monospace;font-size:12px;fill:#0f172a}"
               ".h{font-size:15px;font-weight:bold}.w{fill:#ffffff}.d{fill:#475569}</style>\n" +
               rect({0, 0, width_, height}, "bg");
    }

    int external(int y) {
        if (model_.input.external_ip.empty()) {
            return y;
        }
        const int x = width_ / 2 - kNodeWidth / 2;
        body_ += line(width_ / 2, y + kExternal, width_ / 2, y + kExternal + kGap);
        body_ += rect({x, y, kNodeWidth, kExternal}, "n", " rx=\"6\"");
        body_ += text_at(x + 12, y + 19, "external", "h");
        body_ += text_at(x + 12, y + 36, visible(model_.input.external_ip), "d");
        return y + kExternal + kGap;
    }

    int row(std::size_t first, int y) {
        const int left = kMargin;
        body_ += rect({left, y, width_ - 2 * kMargin, kBar}, "u", " rx=\"4\"");
        body_ += text_at(
            left + 12,
            y + 20,
            visible("underlay " + model_.input.underlay) +
                (model_.input.overlay.empty() ? ""
                                              : "   overlay: " + visible(model_.input.overlay)),
            "w");
        const auto last = std::min(first + columns_, model_.nodes.size());
        int lowest = 0;
        for (std::size_t i = first; i < last; ++i) {
            const int x = left + kTrunk + static_cast<int>(i - first) * (kNodeWidth + kGap);
            body_ += line(x + kNodeWidth / 2, y + kBar, x + kNodeWidth / 2, y + kBar + kGap);
            node(model_.nodes[i], x, y + kBar + kGap);
            lowest = std::max(lowest, node_height(model_.nodes[i]));
        }
        const int next = y + kBar + kGap + lowest + kGap;
        if (last < model_.nodes.size()) {
            body_ += line(left + kTrunk / 2, y + kBar, left + kTrunk / 2, next);
        }
        return next;
    }

    void node(const GraphNode& node, int x, int y) {
        body_ += rect({x, y, kNodeWidth, node_height(node)}, "n", " rx=\"8\"");
        body_ += text_at(
            x + 12,
            y + 19,
            shortened(node.name + (node.zone.empty() ? "" : "  zone " + node.zone), kTitleCharsMax),
            "h");
        body_ += text_at(x + 12, y + 37, shortened(node.ips), "d");
        y += kHeader;
        body_ += rect({x + 8, y, kNodeWidth - 16, kBridge}, "b", " rx=\"3\"");
        body_ += text_at(x + 16, y + 18, shortened(model_.input.bridge + "  " + node.ranges), "w");
        y += kBridge + kPodGap;
        for (const auto& entry : node.pods) {
            pod(entry, x + 16, y);
            y += kPod + kPodGap;
        }
        if (node.hidden > 0) {
            body_ +=
                text_at(x + 20, y + 24, "... and " + std::to_string(node.hidden) + " more", "d");
        }
    }

    void pod(const GraphPod& pod, int x, int y) {
        const auto full = pod.ns + "/" + pod.name;
        body_ += "<g><title>" + xml_escape(visible(full + " " + pod.ips)) + "</title>\n";
        body_ += rect(
            {x, y, kNodeWidth - 32, kPod}, "p", " rx=\"5\" fill=\"" + colour_of(pod.ns) + "\"");
        body_ += text_at(x + 8, y + 16, shortened(full));
        body_ +=
            text_at(x + 8, y + 32, shortened(pod.ips.empty() ? "no address yet" : pod.ips), "d");
        body_ += "</g>\n";
    }

    int unscheduled(int y) {
        for (const auto& entry : model_.unscheduled) {
            body_ += text_at(
                kMargin, y + 16, "not scheduled: " + visible(entry.ns + "/" + entry.name), "d");
            y += 20;
        }
        return y;
    }

    const GraphModel& model_;
    std::size_t columns_;
    int width_ = 0;
    std::string body_;
};

} // namespace

std::string graph_svg(const GraphModel& model) {
    return Svg(model).render();
}

} // namespace labctl::report
