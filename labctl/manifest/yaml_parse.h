#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "labctl/manifest/yaml_node.h"
#include "netemu/base/limits.h"

namespace labctl::manifest {

/// A piece of a file that holds one document (or, after a "..." line, several), and where it
/// starts.
struct Chunk {
    std::string_view text;
    std::uint32_t line = 1;   // of its first byte, from 1
    std::uint32_t column = 1; // likewise
};

/// Thrown for text that is not YAML, or exceeds a limit.
struct SyntaxError {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    std::string message;
    std::string hint;
};

/// What the aliases of one input may expand to, over all of its documents. An anchored long text
/// used a million times is a bomb too, hence the bytes.
struct AliasBudget {
    std::uint64_t nodes = netemu::limits::kYamlNodesMax;
    std::uint64_t bytes = 4 * netemu::limits::kDocumentBytesMax;
};

/// Reads the documents of a chunk, one by one, with libyaml: YAML 1.1, which kubectl's parser is
/// too. JSON is YAML's flow style; its surrogate escapes ("\ud83d\ude00"), which YAML does not
/// have, are understood. Enforces the limits on depth and values, with aliases counted as often as
/// they are used.
class YamlParser {
public:
    /// `chunk` and `budget` must outlive the parser.
    YamlParser(const Chunk& chunk, AliasBudget& budget);
    YamlParser(const YamlParser&) = delete;
    YamlParser& operator=(const YamlParser&) = delete;
    ~YamlParser();

    /// The next document that has content, or nothing at the end. Throws SyntaxError; the parser is
    /// then of no further use.
    std::optional<Document> next();

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace labctl::manifest
