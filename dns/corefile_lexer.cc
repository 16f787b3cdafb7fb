#include "dns/corefile_lexer.h"

#include "dns/limits.h"
#include "netemu/base/error.h"

namespace dns {
namespace {

/// Words with their line numbers, as Caddy's lexer finds them: blanks separate, quotes keep blanks,
/// # at the start of a word begins a comment.
struct CorefileWord {
    std::string text;
    std::size_t line;
    bool quoted;
};

std::vector<CorefileWord> words_of(std::string_view text, const std::string& file) {
    std::vector<CorefileWord> words;
    std::size_t line = 1;
    std::size_t at = 0;
    while (at < text.size()) {
        const char c = text[at];
        if (c == '\n' || c == ' ' || c == '\t' || c == '\r') {
            line += c == '\n' ? 1 : 0;
            ++at;
        } else if (c == '#') {
            at = std::min(text.find('\n', at), text.size());
        } else if (c == '"') {
            CorefileWord word{{}, line, true};
            for (++at; at < text.size() && text[at] != '"'; ++at) {
                if (text[at] == '\\' && at + 1 < text.size() && text[at + 1] == '"') {
                    ++at;
                }
                line += text[at] == '\n' ? 1 : 0;
                word.text += text[at];
            }
            if (at == text.size()) {
                corefile_error(file, word.line, "a quote is not closed");
            }
            ++at;
            words.push_back(std::move(word));
        } else {
            const auto end = std::min(text.find_first_of(" \t\r\n", at), text.size());
            words.push_back({std::string(text.substr(at, end - at)), line, false});
            at = end;
        }
    }
    return words;
}

class CorefileReader {
public:
    CorefileReader(std::vector<CorefileWord> words, const std::string& file)
        : words_(std::move(words)), file_(file) {}

    std::vector<DirectiveBlock> read() {
        std::vector<DirectiveBlock> blocks;
        while (at_ < words_.size()) {
            blocks.push_back(block());
        }
        return blocks;
    }

private:
    [[nodiscard]] bool is(const char* brace) const {
        return at_ < words_.size() && !words_[at_].quoted && words_[at_].text == brace;
    }

    DirectiveBlock block() {
        DirectiveBlock result;
        result.line = words_[at_].line;
        while (at_ < words_.size() && !is("{")) {
            auto key = words_[at_].text;
            if (is("}") || key.starts_with('(') || key == "import") {
                corefile_error(file_, words_[at_].line, "unexpected '" + key + "'");
            }
            if (key.ends_with(',')) {
                key.pop_back();
            }
            result.keys.push_back(std::move(key));
            ++at_;
        }
        if (result.keys.empty() || at_ == words_.size()) {
            corefile_error(file_, result.line, "a server block is ZONE... { PLUGINS }");
        }
        ++at_;
        while (!is("}")) {
            if (at_ == words_.size()) {
                corefile_error(file_, result.line, "the server block is not closed");
            }
            result.directives.push_back(directive());
        }
        ++at_;
        return result;
    }

    /// The words up to the end of the line, or up to a brace.
    std::vector<std::string> rest_of_line(std::size_t line) {
        std::vector<std::string> words;
        while (at_ < words_.size() && words_[at_].line == line && !is("{") && !is("}")) {
            words.push_back(words_[at_++].text);
        }
        return words;
    }

    Directive directive() {
        Directive result;
        result.line = words_[at_].line;
        result.name = words_[at_++].text;
        result.arguments = rest_of_line(result.line);
        if (!is("{")) {
            return result;
        }
        ++at_;
        while (!is("}")) {
            if (at_ == words_.size() || is("{")) {
                corefile_error(file_, result.line, "the block of '" + result.name + "' is broken");
            }
            const auto line = words_[at_].line;
            result.body.push_back({rest_of_line(line), line});
        }
        ++at_;
        return result;
    }

    std::vector<CorefileWord> words_;
    const std::string& file_;
    std::size_t at_ = 0;
};

} // namespace

void corefile_error(
    const std::string& file, std::size_t line, const std::string& what, std::string hint) {
    throw netemu::UsageError(file + ":" + std::to_string(line) + ": " + what, std::move(hint));
}

std::vector<DirectiveBlock> lex_corefile(std::string_view text, const std::string& file) {
    if (text.size() > limits::kCorefileBytesMax) {
        corefile_error(file, 1, "longer than 1 MiB");
    }
    return CorefileReader(words_of(text, file), file).read();
}

} // namespace dns
