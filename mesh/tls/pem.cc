#include "mesh/tls/pem.h"

#include <cstdint>

#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace mesh {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kEnd = "-----END ";
constexpr std::string_view kDashes = "-----";

[[noreturn]] void refuse(std::size_t line, const std::string& why) {
    throw netemu::Error("line " + std::to_string(line) + ": " + why);
}

std::string label_of(std::string_view line, std::string_view prefix, std::size_t number) {
    const auto rest = line.substr(prefix.size());
    const auto end = rest.find(kDashes);
    if (end == std::string_view::npos) {
        refuse(number, "\"" + std::string(line.substr(0, 40)) + "\" lacks the dashes at its end");
    }
    if (end + kDashes.size() != rest.size()) {
        refuse(number, "something follows the PEM header on its line: are line breaks lost?");
    }
    return std::string(rest.substr(0, end));
}

/// The base64 digits of a block, collected over its lines (RFC 4648 section 4).
class Base64 {
public:
    void add(std::string_view digits, std::size_t line) {
        constexpr std::string_view kAlphabet =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for (const char c : digits) {
            if (c == ' ' || c == '\t') {
                continue;
            }
            const auto digit = kAlphabet.find(c);
            if (c == '=' ? ++padding_ > 2 : digit == std::string_view::npos || padding_ > 0) {
                refuse(line, "not base64");
            }
            if (c == '=') {
                continue;
            }
            ++digits_;
            bits_ = bits_ << 6U | static_cast<std::uint32_t>(digit);
            if (digits_ % 4 != 1) {
                bytes_.push_back(static_cast<char>(bits_ >> (6 - 2 * ((digits_ - 1) % 4)) & 0xffU));
            }
        }
    }

    std::string finish(std::size_t line) {
        if ((digits_ + padding_) % 4 != 0) {
            refuse(line, "the base64 text above is cut short");
        }
        return std::move(bytes_);
    }

private:
    std::string bytes_;
    std::uint32_t bits_ = 0;
    std::size_t digits_ = 0;
    std::size_t padding_ = 0;
};

class PemReader {
public:
    explicit PemReader(std::string_view text) : lines_(netemu::split(text, '\n')) {}

    std::vector<PemBlock> read() {
        std::vector<PemBlock> blocks;
        while (next_ < lines_.size()) {
            const auto line = take();
            if (line.starts_with(kBegin)) {
                blocks.push_back(block(line));
            }
        }
        return blocks;
    }

private:
    std::string_view take() { return netemu::trim(lines_[next_++]); }

    PemBlock block(std::string_view begin) {
        PemBlock made;
        made.line = next_;
        made.label = label_of(begin, kBegin, next_);
        Base64 body;
        while (next_ < lines_.size()) {
            const auto line = take();
            if (line.starts_with(kEnd)) {
                const auto label = label_of(line, kEnd, next_);
                if (label != made.label) {
                    refuse(next_, "END " + label + " where BEGIN " + made.label + " should end");
                }
                made.bytes = made.encrypted ? std::string() : body.finish(next_);
                return made;
            }
            if (line.starts_with(kBegin)) {
                refuse(next_, "the block of line " + std::to_string(made.line) + " has no END");
            }
            if (line.find(':') != std::string_view::npos) { // a header: base64 has no colon
                made.encrypted = made.encrypted || line.find("ENCRYPTED") != std::string_view::npos;
            } else if (!made.encrypted) {
                body.add(line, next_);
            }
        }
        refuse(made.line, "BEGIN " + made.label + " has no END");
    }

    std::vector<std::string_view> lines_;
    std::size_t next_ = 0;
};

} // namespace

std::vector<PemBlock> pem_blocks(std::string_view text) {
    return PemReader(text).read();
}

} // namespace mesh
