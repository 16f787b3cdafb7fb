#include "mesh/http/message.h"

#include <algorithm>
#include <array>

#include "netemu/base/text.h"

namespace mesh {
namespace {

constexpr char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr std::array<bool, 256> token_table() {
    std::array<bool, 256> table{};
    for (const char c : std::string_view("!#$%&'*+-.^_`|~0123456789"
                                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")) {
        table[static_cast<unsigned char>(c)] = true;
    }
    return table;
}

constexpr auto kTokenTable = token_table();

/// The part of a request target behind scheme and authority.
std::string_view origin_form(std::string_view target) {
    const auto scheme = target.find("://");
    if (target.empty() || target.front() == '/' || scheme == std::string_view::npos) {
        return target;
    }
    const auto path = target.find_first_of("/?", scheme + 3);
    return path == std::string_view::npos ? std::string_view("/") : target.substr(path);
}

struct Reason {
    int status;
    std::string_view phrase;
};

constexpr Reason kReasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {418, "I'm a teapot"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

} // namespace

void Headers::add(std::string name, std::string value) {
    fields_.push_back({std::move(name), std::move(value)});
}

void Headers::set(std::string name, std::string value) {
    remove(name);
    add(std::move(name), std::move(value));
}

void Headers::remove(std::string_view name) {
    std::erase_if(
        fields_, [name](const Header& field) { return equals_ignore_case(field.name, name); });
}

const std::string* Headers::find(std::string_view name) const {
    const auto found = std::find_if(fields_.begin(), fields_.end(), [name](const Header& field) {
        return equals_ignore_case(field.name, name);
    });
    return found == fields_.end() ? nullptr : &found->value;
}

std::string_view Headers::get(std::string_view name) const {
    const auto* value = find(name);
    return value == nullptr ? std::string_view() : std::string_view(*value);
}

std::size_t Headers::count(std::string_view name) const {
    return static_cast<std::size_t>(
        std::count_if(fields_.begin(), fields_.end(), [name](const Header& field) {
            return equals_ignore_case(field.name, name);
        }));
}

bool Headers::has_token(std::string_view name, std::string_view token) const {
    for (const auto& field : fields_) {
        if (!equals_ignore_case(field.name, name)) {
            continue;
        }
        for (const auto element : netemu::split(field.value, ',')) {
            if (equals_ignore_case(netemu::trim(element), token)) {
                return true;
            }
        }
    }
    return false;
}

std::string_view Request::path() const {
    const auto form = origin_form(target);
    const auto path = form.substr(0, form.find_first_of("?#"));
    return path.empty() ? std::string_view("/") : path;
}

std::string_view Request::query() const {
    const auto form = origin_form(target);
    const auto mark = form.find('?');
    if (mark == std::string_view::npos) {
        return {};
    }
    const auto query = form.substr(mark + 1);
    return query.substr(0, query.find('#'));
}

bool is_idempotent(std::string_view method) {
    constexpr std::array<std::string_view, 6> kIdempotent{
        "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};
    return std::find(kIdempotent.begin(), kIdempotent.end(), method) != kIdempotent.end();
}

std::string_view reason_phrase(int status) {
    const auto* found = std::lower_bound(
        std::begin(kReasons), std::end(kReasons), status, [](const Reason& reason, int wanted) {
            return reason.status < wanted;
        });
    return found != std::end(kReasons) && found->status == status ? found->phrase
                                                                  : std::string_view();
}

std::string url_decode(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size() && netemu::hex_digit(text[i + 1]) >= 0 &&
            netemu::hex_digit(text[i + 2]) >= 0) {
            result += static_cast<char>(
                netemu::hex_digit(text[i + 1]) * 16 + netemu::hex_digit(text[i + 2]));
            i += 2;
        } else {
            result += text[i] == '+' ? ' ' : text[i];
        }
    }
    return result;
}

std::optional<std::string> query_parameter(std::string_view query, std::string_view name) {
    for (const auto pair : netemu::split(query, '&')) {
        const auto equals = pair.find('=');
        if (url_decode(pair.substr(0, equals)) == name) {
            return equals == std::string_view::npos ? std::string()
                                                    : url_decode(pair.substr(equals + 1));
        }
    }
    return std::nullopt;
}

std::string cookie_value(const Headers& headers, std::string_view name) {
    auto rest = headers.get("cookie");
    while (!rest.empty()) {
        const auto end = std::min(rest.find(';'), rest.size());
        auto pair = rest.substr(0, end);
        pair.remove_prefix(std::min(pair.find_first_not_of(' '), pair.size()));
        const auto equals = pair.find('=');
        if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
            return std::string(pair.substr(equals + 1));
        }
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return {};
}

bool equals_ignore_case(std::string_view left, std::string_view right) {
    return left.size() == right.size() &&
           std::equal(left.begin(), left.end(), right.begin(), [](char a, char b) {
               return lower(a) == lower(b);
           });
}

bool is_token(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return kTokenTable[static_cast<unsigned char>(c)];
    });
}

bool is_field_value(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return c == '\t' || (byte >= 0x20 && byte != 0x7f);
    });
}

} // namespace mesh
