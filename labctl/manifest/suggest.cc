#include "labctl/manifest/suggest.h"

#include <algorithm>
#include <array>
#include <deque>
#include <set>
#include <vector>

#include "labctl/manifest/compose.h"
#include "netemu/base/text.h"

namespace labctl::manifest {

namespace {

using schema::Struct;

struct Moved {
    std::string_view name;
    std::string_view advice;
};

/// Fields of older API versions, and what people write instead of the real name.
constexpr std::array kMoved{
    Moved{"serviceName", "networking.k8s.io/v1 has service.name here"},
    Moved{"servicePort", "networking.k8s.io/v1 has service.port.number or service.port.name here"},
    Moved{"clusterName", "it was removed from the API; delete it"},
};

/// Whether two names differ in the order of their letters only: prots, ports.
bool same_letters(std::string_view one, std::string_view other) {
    std::string a(one);
    std::string b(other);
    std::sort(a.begin(), a.end());
    std::sort(b.begin(), b.end());
    return a == b;
}

/// The shortest way from `root` to a field of this name: "spec.template.spec". Lists are shown as
/// [].
std::string find_home(std::string_view name, const Struct& root) {
    struct Visit {
        const Struct* type;
        std::string path;
    };
    std::deque<Visit> queue{{&root, {}}};
    std::set<const Struct*> seen{&root};
    while (!queue.empty()) {
        const auto visit = std::move(queue.front());
        queue.pop_front();
        if (!visit.path.empty() && visit.type->find(name) != nullptr) {
            return visit.path;
        }
        for (const auto& field : visit.type->fields) {
            const bool enter = field.object != nullptr && field.name != "metadata";
            if (enter && seen.insert(field.object).second) {
                queue.push_back(
                    {field.object,
                     compose(
                         {visit.path,
                          visit.path.empty() ? "" : ".",
                          field.name,
                          field.shape == schema::Shape::List ? "[]" : ""})});
            }
        }
    }
    return {};
}

} // namespace

std::string
suggest_field(std::string_view name, const Struct& type, const Struct& root, const Path& path) {
    std::vector<std::string> names;
    for (const auto& field : type.fields) {
        names.emplace_back(field.name);
        if (same_letters(name, field.name)) {
            return compose({"did you mean '", field.name, "'?"});
        }
    }
    if (const auto close = netemu::nearest(name, names)) {
        return compose({"did you mean '", *close, "'?"});
    }
    const bool in_backend = !path.steps().empty() && path.steps().back().text().ends_with("ackend");
    for (const auto& moved : kMoved) {
        if (moved.name == name && (in_backend || name == "clusterName")) {
            return std::string(moved.advice);
        }
    }
    const auto home = find_home(name, root);
    return home.empty() ? std::string{}
                        : compose({"'", name, "' belongs in ", home, "; check the indentation"});
}

} // namespace labctl::manifest
