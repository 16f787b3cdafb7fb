#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dns {

/// One line of a Corefile, in words; quotes are gone.
struct CorefileLine {
    std::vector<std::string> words;
    std::size_t number = 0;
};

/// A plugin with its arguments and the lines of its block.
struct Directive {
    std::string name;
    std::vector<std::string> arguments;
    std::vector<CorefileLine> body;
    std::size_t line = 0;
};

struct DirectiveBlock {
    std::vector<std::string> keys; // zones with ports
    std::vector<Directive> directives;
    std::size_t line = 0;
};

/// Throws netemu::UsageError beginning with "FILE:LINE: ".
std::vector<DirectiveBlock> lex_corefile(std::string_view text, const std::string& file);

/// What is thrown for line `line`.
[[noreturn]] void corefile_error(
    const std::string& file, std::size_t line, const std::string& what, std::string hint = {});

} // namespace dns
