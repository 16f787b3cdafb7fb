#include "labctl/learn/variant.h"

#include "labctl/learn/shuffler.h"
#include "labctl/manifest/front_matter.h"
#include "netemu/base/text.h"

namespace labctl::learn {

namespace {

std::string value_text(const api::Json& value) {
    return value.is_string() ? value.get<std::string>() : value.dump();
}

} // namespace

std::map<std::string, std::string> choose_values(const api::Json& variables, std::uint64_t seed) {
    std::map<std::string, std::string> values;
    if (!variables.is_object()) {
        return values;
    }
    for (const auto& [name, list] : variables.items()) {
        Shuffler shuffler(seed, netemu::fnv1a(name)); // so that one does not decide another
        values[name] = value_text(list.at(seed == 0 ? 0 : shuffler.below(list.size())));
    }
    return values;
}

manifest::ReadOptions Variant::read_options(bool strict) const {
    manifest::ReadOptions options;
    options.strict = strict;
    options.variables = values;
    return options;
}

Variant variant_of(const std::string& directory, const std::string& file, std::uint64_t seed) {
    const auto kind =
        file == "quiz.md" ? manifest::FrontMatterKind::Quiz : manifest::FrontMatterKind::Challenge;
    const auto front = manifest::read_front_matter(directory + "/" + file, kind);
    return {directory, seed, choose_values(api::at(front.head.body, "variables"), seed)};
}

} // namespace labctl::learn
