#include "labctl/stream/spdy_headers.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include <zlib.h>

#include "labctl/stream/big_endian.h"
#include "netemu/base/error.h"

namespace labctl::stream {

namespace {

constexpr std::size_t kNumberBytes = 4;

std::string number(std::size_t value) {
    return big_endian(value, kNumberBytes);
}

/// Takes a number off the front; nullopt if there is none.
std::optional<std::size_t> take_number(std::string_view& text) {
    if (text.size() < kNumberBytes) {
        return std::nullopt;
    }
    const auto value = static_cast<std::size_t>(from_big_endian(text.substr(0, kNumberBytes)));
    text.remove_prefix(kNumberBytes);
    return value;
}

/// Takes a number and as many bytes off the front.
std::optional<std::string> take_text(std::string_view& text) {
    const auto size = take_number(text);
    if (!size || *size > text.size()) {
        return std::nullopt;
    }
    std::string taken(text.substr(0, *size));
    text.remove_prefix(*size);
    return taken;
}

bool is_name(const std::string& name) {
    return !name.empty() &&
           std::none_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

std::optional<SpdyHeaders> parse(std::string_view text) {
    const auto count = take_number(text);
    if (!count || *count > kSpdyHeadersMax) {
        return std::nullopt;
    }
    SpdyHeaders headers;
    for (std::size_t i = 0; i < *count; ++i) {
        auto name = take_text(text);
        auto value = name ? take_text(text) : std::nullopt;
        const bool fine = value && is_name(*name) &&
                          std::none_of(headers.begin(), headers.end(), [&name](const auto& each) {
                              return each.first == *name;
                          });
        if (!fine) {
            return std::nullopt;
        }
        headers.emplace_back(std::move(*name), std::move(*value));
    }
    return text.empty() ? std::optional(std::move(headers)) : std::nullopt;
}

const Bytef* bytes_of(std::string_view text) {
    return reinterpret_cast<const Bytef*>(text.data());
}

constexpr std::array<std::string_view, 65> kWords{
    "options",
    "head",
    "post",
    "put",
    "delete",
    "trace",
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "age",
    "allow",
    "authorization",
    "cache-control",
    "connection",
    "content-base",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-md5",
    "content-range",
    "content-type",
    "date",
    "etag",
    "expect",
    "expires",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "location",
    "max-forwards",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "range",
    "referer",
    "retry-after",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "warning",
    "www-authenticate",
    "method",
    "get",
    "status",
    "200 OK",
    "version",
    "HTTP/1.1",
    "url",
    "public",
    "set-cookie",
    "keep-alive",
    "origin"};

std::string make_dictionary() {
    std::string text;
    for (const auto word : kWords) {
        text += number(word.size());
        text += word;
    }
    return text +
           "100101201202205206300302303304305306307402405406407408409410411412413414415416417"
           "502504505203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad "
           "Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not "
           "Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec "
           "00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, "
           "GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/"
           "xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,"
           "sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";
}

} // namespace

const std::string& spdy_dictionary() {
    static const std::string kText = make_dictionary();
    return kText;
}

std::string_view header_value(const SpdyHeaders& headers, std::string_view name) {
    const auto found = std::find_if(
        headers.begin(), headers.end(), [name](const auto& each) { return each.first == name; });
    if (found == headers.end()) {
        return {};
    }
    const std::string_view value = found->second;
    return value.substr(0, value.find('\0'));
}

struct SpdyHeaderReader::Inflater {
    z_stream zlib{};
    bool broken = false;

    Inflater() {
        if (::inflateInit(&zlib) != Z_OK) {
            throw netemu::Error("zlib has no memory to read headers");
        }
    }
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;
    ~Inflater() { ::inflateEnd(&zlib); }

    /// nullopt if it is none, or too large.
    std::optional<std::string> inflate(std::string_view block) {
        std::string text(kSpdyHeaderBytesMax, '\0');
        zlib.next_in = const_cast<Bytef*>(bytes_of(block)); // NOLINT: zlib has no const form
        zlib.avail_in = static_cast<uInt>(block.size());
        zlib.next_out = reinterpret_cast<Bytef*>(text.data());
        zlib.avail_out = static_cast<uInt>(text.size());
        int result = ::inflate(&zlib, Z_SYNC_FLUSH);
        if (result == Z_NEED_DICT) {
            const auto& words = spdy_dictionary();
            result =
                ::inflateSetDictionary(&zlib, bytes_of(words), static_cast<uInt>(words.size()));
            result = result == Z_OK ? ::inflate(&zlib, Z_SYNC_FLUSH) : result;
        }
        if (result != Z_OK || zlib.avail_in != 0 || zlib.avail_out == 0) {
            return std::nullopt;
        }
        text.resize(text.size() - zlib.avail_out);
        return text;
    }
};

SpdyHeaderReader::SpdyHeaderReader() : inflater_(std::make_unique<Inflater>()) {
}
SpdyHeaderReader::~SpdyHeaderReader() = default;

std::optional<SpdyHeaders> SpdyHeaderReader::read(std::string_view block) {
    auto text = inflater_->broken ? std::nullopt : inflater_->inflate(block);
    auto headers = text ? parse(*text) : std::nullopt;
    inflater_->broken = !headers;
    return headers;
}

struct SpdyHeaderWriter::Deflater {
    z_stream zlib{};

    Deflater() {
        const auto& words = spdy_dictionary();
        if (::deflateInit(&zlib, Z_BEST_COMPRESSION) != Z_OK ||
            ::deflateSetDictionary(&zlib, bytes_of(words), static_cast<uInt>(words.size())) !=
                Z_OK) {
            throw netemu::Error("zlib has no memory to write headers");
        }
    }
    Deflater(const Deflater&) = delete;
    Deflater& operator=(const Deflater&) = delete;
    ~Deflater() { ::deflateEnd(&zlib); }

    std::string deflate(std::string_view text) {
        std::string block;
        std::array<char, 1024> piece{};
        zlib.next_in = const_cast<Bytef*>(bytes_of(text)); // NOLINT: zlib has no const form
        zlib.avail_in = static_cast<uInt>(text.size());
        do {
            zlib.next_out = reinterpret_cast<Bytef*>(piece.data());
            zlib.avail_out = static_cast<uInt>(piece.size());
            (void)::deflate(&zlib, Z_SYNC_FLUSH); // fails only for a stream that is none
            block.append(piece.data(), piece.size() - zlib.avail_out);
        } while (zlib.avail_out == 0);
        return block;
    }
};

SpdyHeaderWriter::SpdyHeaderWriter() : deflater_(std::make_unique<Deflater>()) {
}
SpdyHeaderWriter::~SpdyHeaderWriter() = default;

std::string SpdyHeaderWriter::write(const SpdyHeaders& headers) {
    auto text = number(headers.size());
    for (const auto& [name, value] : headers) {
        text += number(name.size()) + name + number(value.size()) + value;
    }
    return deflater_->deflate(text);
}

} // namespace labctl::stream
