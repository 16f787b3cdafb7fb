#include "dns/name.h"

#include <algorithm>

#include "dns/limits.h"
#include "dns/text_escape.h"

namespace dns {
namespace {

constexpr unsigned kPointerBits = 0xc0;

void append_label_text(std::string& out, std::string_view label) {
    for (const char c : label) {
        const auto byte = static_cast<std::uint8_t>(c);
        if (c == '.' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte > ' ' && byte < 0x7f) {
            out += c;
        } else {
            out += '\\';
            out += static_cast<char>('0' + byte / 100);
            out += static_cast<char>('0' + byte / 10 % 10);
            out += static_cast<char>('0' + byte % 10);
        }
    }
}

} // namespace

std::optional<Name> Name::parse(std::string_view text) {
    Name name;
    name.wire_.clear();
    if (text == "." || text.empty()) {
        return text.empty() ? std::nullopt : std::optional(Name{});
    }
    std::string label;
    const auto flush = [&] {
        if (label.empty() || label.size() > limits::kLabelBytesMax) {
            return false;
        }
        name.wire_ += static_cast<char>(label.size());
        name.wire_ += label;
        label.clear();
        return true;
    };
    for (std::size_t at = 0; at < text.size();) {
        const char c = text[at++];
        if (c == '.') {
            if (!flush()) {
                return std::nullopt;
            }
        } else if (c == '\\') {
            const auto byte = read_escape(text, at);
            if (!byte) {
                return std::nullopt;
            }
            label += *byte;
        } else {
            label += c;
        }
    }
    if (!label.empty() && !flush()) {
        return std::nullopt;
    }
    name.wire_ += '\0';
    return name.wire_.size() <= limits::kNameBytesMax ? std::optional(std::move(name))
                                                      : std::nullopt;
}

Name Name::from_wire(std::string_view wire) {
    Name name;
    name.wire_.assign(wire);
    return name;
}

std::optional<Name> Name::read(Bytes message, std::size_t& offset) {
    std::string wire;
    std::size_t at = offset;
    std::size_t pointers = 0;
    bool jumped = false;
    while (at < message.size()) {
        const std::size_t length = message[at];
        if ((length & kPointerBits) == kPointerBits) {
            if (at + 1 >= message.size() || ++pointers > limits::kPointersMax) {
                return std::nullopt;
            }
            const std::size_t target = (length & 0x3fU) << 8U | message[at + 1];
            offset = jumped ? offset : at + 2;
            jumped = true;
            if (target >= at || target < limits::kHeaderBytes) {
                return std::nullopt;
            }
            at = target;
            continue;
        }
        if (length > limits::kLabelBytesMax || at + 1 + length > message.size() ||
            wire.size() + 1 + length > limits::kNameBytesMax) {
            return std::nullopt;
        }
        for (std::size_t i = at; i <= at + length; ++i) {
            wire += static_cast<char>(message[i]);
        }
        at += 1 + length;
        if (length == 0) {
            offset = jumped ? offset : at;
            return from_wire(wire);
        }
    }
    return std::nullopt;
}

std::string Name::to_string() const {
    if (is_root()) {
        return ".";
    }
    std::string text;
    for (const auto label : labels()) {
        append_label_text(text, label);
        text += '.';
    }
    return text;
}

Name Name::lower() const {
    Name result = *this;
    // Lengths are below 'A', so they stay.
    std::transform(wire_.begin(), wire_.end(), result.wire_.begin(), [](char c) {
        return static_cast<char>(lower_byte(static_cast<std::uint8_t>(c)));
    });
    return result;
}

std::vector<std::string_view> Name::labels() const {
    std::vector<std::string_view> result;
    const std::string_view wire = wire_;
    for (std::size_t at = 0; at < wire.size() && wire[at] != 0;) {
        const std::size_t length = static_cast<std::uint8_t>(wire[at]);
        result.push_back(wire.substr(at + 1, length));
        at += 1 + length;
    }
    return result;
}

Name Name::without_first(std::size_t count) const {
    std::size_t at = 0;
    while (count-- > 0 && wire_[at] != 0) {
        at += 1 + static_cast<std::size_t>(wire_[at]);
    }
    return from_wire(std::string_view(wire_).substr(at));
}

bool Name::is_within(const Name& zone) const {
    std::size_t at = 0;
    while (wire_.size() - at > zone.wire_.size()) {
        at += 1 + static_cast<std::size_t>(wire_[at]);
    }
    return same_name(std::string_view(wire_).substr(at), zone.wire_);
}

bool Name::equals(const Name& other) const {
    return same_name(wire_, other.wire_);
}

std::optional<Name> Name::under(const Name& parent) const {
    if (wire_.size() - 1 + parent.wire_.size() > limits::kNameBytesMax) {
        return std::nullopt;
    }
    return from_wire(wire_.substr(0, wire_.size() - 1) + parent.wire_);
}

bool same_name(std::string_view wire, std::string_view other) {
    return std::equal(wire.begin(), wire.end(), other.begin(), other.end(), [](char a, char b) {
        return lower_byte(static_cast<std::uint8_t>(a)) == lower_byte(static_cast<std::uint8_t>(b));
    });
}

} // namespace dns
