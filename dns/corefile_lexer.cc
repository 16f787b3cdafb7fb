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

class CorefileScanner {
public:
    CorefileScanner(std::string_view text, const std::string& file) : text_(text), file_(file) {}

    std::vector<CorefileWord> words() {
        std::vector<CorefileWord> words;
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '\n' || c == ' ' || c == '\t' || c == '\r') {
                pass();
            } else if (c == '#') {
                at_ = std::min(text_.find('\n', at_), text_.size());
            } else {
                words.push_back(c == '"' ? quoted() : plain());
            }
        }
        return words;
    }

private:
    void pass() {
        line_ += text_[at_] == '\n' ? 1 : 0;
        ++at_;
    }

    CorefileWord plain() {
        const auto end = std::min(text_.find_first_of(" \t\r\n", at_), text_.size());
        CorefileWord word{std::string(text_.substr(at_, end - at_)), line_, false};
        at_ = end;
        return word;
    }

    CorefileWord quoted() {
        CorefileWord word{{}, line_, true};
        for (++at_; at_ < text_.size() && text_[at_] != '"'; pass()) {
            if (text_.substr(at_).starts_with("\\\"")) {
                ++at_;
            }
            word.text += text_[at_];
        }
        if (at_ == text_.size()) {
            corefile_error(file_, word.line, "a quote is not closed");
        }
        ++at_;
        return word;
    }

    std::string_view text_;
    const std::string& file_;
    std::size_t line_ = 1;
    std::size_t at_ = 0;
};

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
    return CorefileReader(CorefileScanner(text, file).words(), file).read();
}

} // namespace dns
