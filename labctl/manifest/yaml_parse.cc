#include "labctl/manifest/yaml_parse.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <new>
#include <unordered_map>
#include <utility>
#include <vector>

#include <yaml.h>

#include "labctl/manifest/yaml_explain.h"
#include "netemu/base/limits.h"

namespace labctl::manifest {

namespace {

namespace limits = netemu::limits;

/// libyaml looks through all of them for each one, so many of them take very long. Nobody writes
/// any.
constexpr int kTagDirectivesMax = 32;

/// A `\ud83d\ude00` that became `\U0001f600`: columns behind it on its line are off by two.
struct Rewrite {
    std::size_t line = 0;
    std::size_t column = 0; // of the first character behind it, in the rewritten text, from 0
};

struct Event {
    yaml_event_t raw{};
    Event() = default;
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    ~Event() { yaml_event_delete(&raw); }
};

std::optional<unsigned> hex4(std::string_view text) {
    unsigned value = 0;
    const auto* end = text.data() + 4;
    if (text.size() < 4 || std::from_chars(text.data(), end, value, 16).ptr != end) {
        return std::nullopt;
    }
    return value;
}

/// The code point of "\uD83D\uDE00" at the start of `text`.
std::optional<unsigned> surrogate_pair(std::string_view text) {
    if (!text.starts_with("\\u") || text.size() < 12 || text.substr(6, 2) != "\\u") {
        return std::nullopt;
    }
    const auto high = hex4(text.substr(2));
    const auto low = hex4(text.substr(8));
    if (!high || !low || *high < 0xD800 || *high > 0xDBFF || *low < 0xDC00 || *low > 0xDFFF) {
        return std::nullopt;
    }
    return 0x10000U + ((*high - 0xD800U) << 10U) + (*low - 0xDC00U);
}

std::string long_escape(unsigned code_point) {
    std::array<char, 8> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + 8, code_point, 16).ptr;
    const auto count = static_cast<std::size_t>(end - digits.data());
    return "\\U" + std::string(8 - count, '0') + std::string(digits.data(), count);
}

std::string rewrite_surrogates(std::string_view text, std::vector<Rewrite>& rewrites) {
    std::string result;
    result.reserve(text.size());
    std::size_t line = 0;
    std::size_t column = 0;
    while (!text.empty()) {
        std::size_t taken = 1;
        if (const auto pair = surrogate_pair(text)) {
            result += long_escape(*pair);
            column += 10;
            rewrites.push_back({line, column});
            taken = 12;
        } else {
            taken = text.front() == '\\' && text.size() > 1 ? 2 : 1; // `\\u` is no escape
            result += text.substr(0, taken);
            if (text.front() == '\n') {
                ++line;
                column = 0;
            } else {
                const bool inside = (static_cast<unsigned char>(text.front()) & 0xC0U) == 0x80U;
                column += inside ? 0 : taken;
            }
        }
        text.remove_prefix(taken);
    }
    return result;
}

Node::Tag tag_of(const yaml_char_t* tag) {
    static const std::unordered_map<std::string_view, Node::Tag> kTags{
        {"!", Node::Tag::Str},
        {YAML_STR_TAG, Node::Tag::Str},
        {YAML_INT_TAG, Node::Tag::Int},
        {YAML_FLOAT_TAG, Node::Tag::Float},
        {YAML_BOOL_TAG, Node::Tag::Bool},
        {YAML_NULL_TAG, Node::Tag::Null},
        {YAML_TIMESTAMP_TAG, Node::Tag::Timestamp},
        {"tag:yaml.org,2002:binary", Node::Tag::Binary},
        {"tag:yaml.org,2002:merge", Node::Tag::Merge},
    };
    if (tag == nullptr) {
        return Node::Tag::None;
    }
    const auto found = kTags.find(reinterpret_cast<const char*>(tag));
    return found == kTags.end() ? Node::Tag::None : found->second;
}

bool too_many_directives(std::string_view text) {
    int count = 0;
    for (auto at = text.find("%TAG"); at != text.npos; at = text.find("%TAG", at + 4)) {
        const bool line_start =
            at == 0 || static_cast<unsigned char>(text[at - 1]) < ' ' ||
            static_cast<unsigned char>(text[at - 1]) >= 0x80; // U+2028 breaks too
        count += line_start ? 1 : 0;
    }
    return count > kTagDirectivesMax;
}

bool looks_like_json(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

} // namespace

class YamlParser::Impl {
public:
    Impl(const Chunk& chunk, AliasBudget& budget) : chunk_(chunk), budget_(budget) {
        if (too_many_directives(chunk.text)) {
            throw SyntaxError{chunk.line, chunk.column, "too many %TAG directives", "remove them"};
        }
        if (yaml_parser_initialize(&parser_) == 0) {
            throw std::bad_alloc();
        }
        auto text = chunk.text;
        if (text.find("\\ud") != text.npos || text.find("\\uD") != text.npos) {
            if (looks_like_json(text)) {
                rewritten_ = rewrite_surrogates(text, rewrites_);
                text = rewritten_;
            }
        }
        yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(
            &parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    ~Impl() { yaml_parser_delete(&parser_); }

    std::optional<Document> next();

private:
    struct Open {
        Node* node;
        std::size_t first; // of its children in pending_
    };

    void parse(Event& event);
    [[noreturn]] void fail_parse() const;
    [[noreturn]] void fail(const yaml_mark_t& mark, std::string message, std::string hint) const;
    [[nodiscard]] std::pair<std::uint32_t, std::uint32_t> place(const yaml_mark_t& mark) const;

    void read_document();
    void handle(const yaml_event_t& event);
    Node* add_node(Node::Kind kind, const yaml_event_t& event, const yaml_char_t* anchor);
    void add_scalar(const yaml_event_t& event);
    void add_alias(const yaml_event_t& event);
    void close();
    void add_child(const Node* node);

    Chunk chunk_;
    AliasBudget& budget_;
    std::string rewritten_;
    std::vector<Rewrite> rewrites_;
    yaml_parser_t parser_{};

    std::optional<Document> document_;
    std::vector<Open> open_;
    std::vector<const Node*> pending_;
    std::unordered_map<std::string, Node*> anchors_;
    std::uint64_t weight_ = 0;
};

void YamlParser::Impl::parse(Event& event) {
    if (yaml_parser_parse(&parser_, &event.raw) == 0) {
        fail_parse();
    }
}

std::pair<std::uint32_t, std::uint32_t> YamlParser::Impl::place(const yaml_mark_t& mark) const {
    auto column = mark.column;
    for (const auto& rewrite : rewrites_) {
        column += rewrite.line == mark.line && rewrite.column <= mark.column ? 2 : 0;
    }
    return {
        chunk_.line + static_cast<std::uint32_t>(mark.line),
        static_cast<std::uint32_t>(column) + (mark.line == 0 ? chunk_.column : 1)};
}

void YamlParser::Impl::fail(const yaml_mark_t& mark, std::string message, std::string hint) const {
    const auto [line, column] = place(mark);
    throw SyntaxError{line, column, std::move(message), std::move(hint)};
}

void YamlParser::Impl::fail_parse() const {
    if (parser_.error == YAML_MEMORY_ERROR) {
        throw std::bad_alloc();
    }
    const auto text = [](const char* from) {
        return std::string_view(from == nullptr ? "" : from);
    };
    const std::string_view input = rewritten_.empty() ? chunk_.text : rewritten_;
    const auto explained = explain_yaml_problem(
        text(parser_.problem),
        text(parser_.context),
        input,
        parser_.problem_mark.line,
        parser_.problem_mark.column);
    fail(parser_.problem_mark, explained.message, explained.hint);
}

std::optional<Document> YamlParser::Impl::next() {
    for (;;) {
        Event event;
        parse(event);
        if (event.raw.type == YAML_STREAM_END_EVENT || event.raw.type == YAML_NO_EVENT) {
            return std::nullopt;
        }
        if (event.raw.type != YAML_DOCUMENT_START_EVENT) {
            continue;
        }
        read_document();
        const auto* root = document_->root();
        const bool blank = root->kind == Node::Kind::Scalar && root->plain &&
                           (root->text.empty() || root->text == "null" || root->text == "~");
        if (!blank) {
            return std::exchange(document_, std::nullopt);
        }
    }
}

void YamlParser::Impl::read_document() {
    document_.emplace();
    open_.clear();
    pending_.clear();
    anchors_.clear();
    weight_ = 0;
    for (;;) {
        Event event;
        parse(event);
        if (event.raw.type == YAML_DOCUMENT_END_EVENT) {
            return;
        }
        handle(event.raw);
    }
}

void YamlParser::Impl::handle(const yaml_event_t& event) {
    switch (event.type) {
    case YAML_SCALAR_EVENT:
        add_scalar(event);
        break;
    case YAML_ALIAS_EVENT:
        add_alias(event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        open_.push_back(
            {add_node(Node::Kind::Sequence, event, event.data.sequence_start.anchor),
             pending_.size()});
        break;
    case YAML_MAPPING_START_EVENT:
        open_.push_back(
            {add_node(Node::Kind::Mapping, event, event.data.mapping_start.anchor),
             pending_.size()});
        break;
    default:
        close();
        break;
    }
    if (open_.size() > limits::kYamlDepthMax) {
        fail(
            event.start_mark,
            "nested deeper than " + std::to_string(limits::kYamlDepthMax) + " levels",
            "no Kubernetes object is nested so deeply");
    }
}

Node* YamlParser::Impl::add_node(
    Node::Kind kind, const yaml_event_t& event, const yaml_char_t* anchor) {
    std::pmr::polymorphic_allocator<> allocator(&document_->arena());
    auto* node = allocator.new_object<Node>();
    node->kind = kind;
    std::tie(node->line, node->column) = place(event.start_mark);
    if (anchor != nullptr) {
        anchors_[reinterpret_cast<const char*>(anchor)] = node;
    }
    if (++weight_ > limits::kYamlNodesMax) {
        fail(
            event.start_mark,
            "the document has more than " + std::to_string(limits::kYamlNodesMax) + " values",
            "split it into several documents with '---'");
    }
    return node;
}

void YamlParser::Impl::add_scalar(const yaml_event_t& event) {
    const auto& scalar = event.data.scalar;
    auto* node = add_node(Node::Kind::Scalar, event, scalar.anchor);
    node->tag = tag_of(scalar.tag);
    node->plain = scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->complete = true;
    node->bytes = static_cast<std::uint32_t>(scalar.length);
    if (scalar.length > 0) {
        auto* copy = static_cast<char*>(document_->arena().allocate(scalar.length, 1));
        std::copy_n(reinterpret_cast<const char*>(scalar.value), scalar.length, copy);
        node->text = {copy, scalar.length};
    }
    add_child(node);
}

void YamlParser::Impl::add_alias(const yaml_event_t& event) {
    const std::string name = reinterpret_cast<const char*>(event.data.alias.anchor);
    const auto found = anchors_.find(name);
    if (found == anchors_.end()) {
        fail(
            event.start_mark,
            "unknown anchor '" + name + "'",
            "define it before with &" + name + ", or quote the value if the '*' is meant as text");
    }
    const auto* target = found->second;
    if (!target->complete) {
        fail(event.start_mark, "the value of anchor '" + name + "' contains itself", {});
    }
    weight_ += target->weight;
    if (weight_ > limits::kYamlNodesMax || target->weight > budget_.nodes ||
        target->bytes > budget_.bytes || open_.size() + target->height > limits::kYamlDepthMax) {
        fail(
            event.start_mark,
            "the aliases (*" + name + ") expand to too much data",
            "write the values out, or use fewer nested aliases");
    }
    budget_.nodes -= target->weight;
    budget_.bytes -= target->bytes;
    add_child(target);
}

void YamlParser::Impl::add_child(const Node* node) {
    if (open_.empty()) {
        document_->set_root(node);
        return;
    }
    auto& parent = *open_.back().node;
    parent.weight += node->weight;
    parent.bytes += node->bytes;
    parent.height = std::max(parent.height, static_cast<std::uint8_t>(node->height + 1));
    pending_.push_back(node);
}

void YamlParser::Impl::close() {
    const auto open = open_.back();
    open_.pop_back();
    const auto count = pending_.size() - open.first;
    if (count > 0) {
        using Child = const Node*;
        constexpr std::size_t kChild = sizeof(Child); // NOLINT: of the pointer
        auto* copy =
            static_cast<Child*>(document_->arena().allocate(count * kChild, alignof(Child)));
        std::copy_n(pending_.data() + open.first, count, copy);
        open.node->children = {copy, count};
        pending_.resize(open.first);
    }
    open.node->complete = true;
    add_child(open.node);
}

YamlParser::YamlParser(const Chunk& chunk, AliasBudget& budget)
    : impl_(std::make_unique<Impl>(chunk, budget)) {
}
YamlParser::~YamlParser() = default;

std::optional<Document> YamlParser::next() {
    return impl_->next();
}

} // namespace labctl::manifest
