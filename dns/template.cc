#include "dns/template.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <regex>

#include "dns/hosts.h"
#include "dns/rdata.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace dns {
namespace {

/// An expression with (?P<name>...) groups, which ECMAScript does not know.
struct NamedExpression {
    std::regex expression;
    std::map<std::string, std::size_t> groups;
};

NamedExpression compile_named(const std::string& text) {
    NamedExpression result;
    std::string plain;
    std::size_t group = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '\\' && at + 1 < text.size()) {
            plain += text[at++];
        } else if (text[at] == '(' && text.compare(at, 4, "(?P<") == 0) {
            const auto end = text.find('>', at);
            if (end == std::string::npos) {
                break;
            }
            result.groups[text.substr(at + 4, end - at - 4)] = ++group;
            plain += '(';
            at = end;
            continue;
        } else if (text[at] == '(' && text.compare(at, 2, "(?") != 0) {
            ++group;
        }
        plain += text[at];
    }
    try {
        result.expression.assign(plain, std::regex::icase);
    } catch (const std::regex_error& error) {
        throw netemu::UsageError("template: match '" + text + "': " + error.what());
    }
    return result;
}

struct TemplateValues {
    const Question& question;
    std::string name;
    std::string zone;
    const std::smatch* match = nullptr;
    const std::map<std::string, std::size_t>* groups = nullptr;

    [[nodiscard]] std::string group(std::size_t index) const {
        return match != nullptr && index < match->size() ? (*match)[index].str() : std::string{};
    }

    /// nullopt when there is no such value.
    [[nodiscard]] std::optional<std::string> value(std::string_view what) const {
        const auto words = record_words(what);
        if (words.size() == 3 && words[0] == "index" && words[1] == ".Match") {
            return numbered(words[2]);
        }
        if (words.size() != 1) {
            return std::nullopt;
        }
        const auto& word = words[0];
        if (word == ".Name" || word == ".Question.Name") {
            return name;
        }
        if (word == ".Zone") {
            return zone;
        }
        if (word == ".Type") {
            return type_text(question.type);
        }
        if (word == ".Class") {
            return class_text(question.klass);
        }
        if (word.starts_with(".Match.")) {
            return numbered(word.substr(7));
        }
        if (word.starts_with(".Group.") && groups != nullptr) {
            const auto found = groups->find(word.substr(7));
            return found == groups->end() ? std::nullopt : std::optional(group(found->second));
        }
        return std::nullopt;
    }

private:
    [[nodiscard]] std::optional<std::string> numbered(const std::string& digits) const {
        std::size_t index = 0;
        const auto* end = digits.data() + digits.size();
        const auto parsed = std::from_chars(digits.data(), end, index);
        return parsed.ec == std::errc{} && parsed.ptr == end ? std::optional(group(index))
                                                             : std::nullopt;
    }
};

std::optional<std::string> expand(const std::string& pattern, const TemplateValues& values) {
    std::string out;
    std::size_t at = 0;
    while (true) {
        const auto open = pattern.find("{{", at);
        out += pattern.substr(at, open == std::string::npos ? open : open - at);
        if (open == std::string::npos) {
            return out;
        }
        const auto close = pattern.find("}}", open);
        if (close == std::string::npos) {
            return std::nullopt;
        }
        auto inner = pattern.substr(open + 2, close - open - 2);
        std::erase(inner, '-'); // {{- trims, and no name of a value has a dash
        const auto value = values.value(inner);
        if (!value) {
            return std::nullopt;
        }
        out += *value;
        at = close + 2;
    }
}

} // namespace

struct TemplatePlugin::Impl {
    TemplateConfig config;
    std::vector<NamedExpression> expressions;

    [[nodiscard]] const Name* zone_of(const Name& name) const {
        const Name* best = nullptr;
        for (const auto& zone : config.zones) {
            if (name.is_within(zone) &&
                (best == nullptr || zone.wire().size() > best->wire().size())) {
                best = &zone;
            }
        }
        return best;
    }

    static bool
    add(const std::vector<std::string>& patterns,
        const TemplateValues& values,
        std::vector<Record>& out) {
        constexpr std::uint32_t kTtl = 3600; // what coredns' parser takes without a TTL
        return std::all_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
            const auto text = expand(pattern, values);
            const auto record = text ? parse_record(*text, Name{}, kTtl) : std::nullopt;
            if (record) {
                out.push_back(*record);
            }
            return record.has_value();
        });
    }

    [[nodiscard]] Message fill(const TemplateValues& values) const {
        auto response = local_response(values.question, config.rcode);
        const bool good = add(config.answer, values, response.answers) &&
                          add(config.additional, values, response.additional) &&
                          add(config.authority, values, response.authority);
        return good ? response : local_response(values.question, Rcode::ServFail);
    }
};

TemplatePlugin::TemplatePlugin(const TemplateConfig& config) : impl_(std::make_unique<Impl>()) {
    impl_->config = config;
    auto matches = config.match;
    if (matches.empty()) {
        matches.emplace_back(".*");
    }
    for (const auto& text : matches) {
        impl_->expressions.push_back(compile_named(text));
    }
}

TemplatePlugin::~TemplatePlugin() = default;
TemplatePlugin::TemplatePlugin(TemplatePlugin&&) noexcept = default;
TemplatePlugin& TemplatePlugin::operator=(TemplatePlugin&&) noexcept = default;

std::optional<Message> TemplatePlugin::answer(const Question& question) const {
    const auto& config = impl_->config;
    const auto* zone = impl_->zone_of(question.name);
    const bool typed =
        config.type == static_cast<std::uint16_t>(Type::Any) || config.type == question.type;
    const bool classed =
        config.klass == static_cast<std::uint16_t>(Class::Any) || config.klass == question.klass;
    if (zone == nullptr || !typed || !classed) {
        return std::nullopt;
    }
    const auto name = question.name.to_string();
    for (const auto& expression : impl_->expressions) {
        std::smatch match;
        if (std::regex_search(name, match, expression.expression)) {
            return impl_->fill({question, name, zone->to_string(), &match, &expression.groups});
        }
    }
    return config.through.covers(question.name)
               ? std::nullopt
               : std::optional(local_response(question, Rcode::ServFail));
}

} // namespace dns
