#pragma once

#include <cstdint>
#include <memory>
#include <memory_resource>
#include <span>
#include <string_view>

/// A YAML document as a tree with positions: what was written, before types, merges and defaults.
namespace labctl::manifest {

struct Node {
    enum class Kind : std::uint8_t { Scalar, Sequence, Mapping };
    /// What an explicit tag says; None when there is none or when it is one we do not know, as
    /// go-yaml does.
    enum class Tag : std::uint8_t { None, Str, Int, Float, Bool, Null, Timestamp, Binary, Merge };

    Kind kind = Kind::Scalar;
    Tag tag = Tag::None;
    bool plain = false; // a scalar without quotes: its text decides its type
    bool complete =
        false; // false while its end has not been seen (an alias may not refer to it yet)
    std::uint8_t height = 1;  // levels below and including this one, aliases followed
    std::uint32_t line = 0;   // from 1, in the file
    std::uint32_t column = 0; // from 1, in code points
    std::uint32_t weight = 1; // nodes below and including this one, aliases expanded
    std::uint32_t bytes = 0;  // of scalars, likewise
    std::string_view text;    // of a scalar
    /// Items of a sequence; of a mapping key, value, key, value. An alias is the anchored node
    /// itself.
    std::span<const Node* const> children;
};

/// Owns the nodes of one document; they live in its arena.
class Document {
public:
    Document() : arena_(std::make_unique<std::pmr::monotonic_buffer_resource>()) {}

    [[nodiscard]] const Node* root() const { return root_; }
    void set_root(const Node* root) { root_ = root; }
    [[nodiscard]] std::pmr::memory_resource& arena() { return *arena_; }

private:
    std::unique_ptr<std::pmr::monotonic_buffer_resource> arena_;
    const Node* root_ = nullptr;
};

} // namespace labctl::manifest
