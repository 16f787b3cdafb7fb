#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "dns/corefile.h"
#include "dns/corefile_lexer.h"

namespace dns {

/// One plugin's directive, and the ways to fail at one of its lines.
class PluginReader {
public:
    PluginReader(const Directive& directive, const ServerBlock& block, const std::string& file)
        : directive_(directive), block_(block),
          file_(file), head_{directive.arguments, directive.line} {}

    [[nodiscard]] const Directive& directive() const { return directive_; }
    [[nodiscard]] const CorefileLine& head() const { return head_; }
    [[noreturn]] void
    fail(const CorefileLine& line, const std::string& what, std::string hint = {}) const;
    [[nodiscard]] std::string argument_or(std::size_t index, const char* fallback) const;
    /// Throws if it is no number, or not in [least, most].
    [[nodiscard]] std::uint32_t number(
        const CorefileLine& line,
        const std::string& text,
        std::uint32_t least,
        std::uint32_t most) const;
    [[nodiscard]] std::chrono::milliseconds
    duration(const CorefileLine& line, std::size_t word) const;
    /// Words from `first` on as zones; those of the server block if there are none.
    [[nodiscard]] std::vector<Name>
    zones(const std::vector<std::string>& words, std::size_t first) const;
    [[nodiscard]] Fallthrough fallthrough(const CorefileLine& line) const;

private:
    const Directive& directive_;
    const ServerBlock& block_;
    const std::string& file_;
    CorefileLine head_;
};

/// A zone's name or a range of addresses. Throws netemu::UsageError.
Name corefile_zone(const std::string& text, const std::string& file, std::size_t line);

void read_kubernetes(PluginReader& reader, ServerBlock& block);
void read_hosts_plugin(PluginReader& reader, ServerBlock& block);
void read_forward(PluginReader& reader, ServerBlock& block);
void read_cache(PluginReader& reader, ServerBlock& block);
void read_rewrite(PluginReader& reader, ServerBlock& block);
void read_template(PluginReader& reader, ServerBlock& block);
void read_file_plugin(PluginReader& reader, ServerBlock& block);
void read_autopath(PluginReader& reader, ServerBlock& block);

} // namespace dns
