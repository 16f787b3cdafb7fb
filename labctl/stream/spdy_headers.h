#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Header blocks of SPDY/3 (draft-mbelshe-httpbis-spdy-00, section 2.6.10): names and values,
/// compressed by zlib with a dictionary that everybody knows. Pure.
namespace labctl::stream {

/// Names are in lower case. Several values of one name are parted by NUL bytes.
using SpdyHeaders = std::vector<std::pair<std::string, std::string>>;

/// The first value of that name, or "".
std::string_view header_value(const SpdyHeaders& headers, std::string_view name);

inline constexpr std::size_t kSpdyHeaderBytesMax = 16U << 10U; // of a block, decompressed
inline constexpr std::size_t kSpdyHeadersMax = 64;             // in a block

/// The blocks of one direction of one connection, in order: each is compressed with what the ones
/// before it have left in the window.
class SpdyHeaderReader {
public:
    SpdyHeaderReader();
    SpdyHeaderReader(const SpdyHeaderReader&) = delete;
    SpdyHeaderReader& operator=(const SpdyHeaderReader&) = delete;
    ~SpdyHeaderReader();

    /// nullopt for a block that cannot be read, is larger than the limits, or has an empty, a
    /// doubled or an upper-case name. No other block can be read after it.
    std::optional<SpdyHeaders> read(std::string_view block);

private:
    struct Inflater;
    std::unique_ptr<Inflater> inflater_;
};

class SpdyHeaderWriter {
public:
    SpdyHeaderWriter();
    SpdyHeaderWriter(const SpdyHeaderWriter&) = delete;
    SpdyHeaderWriter& operator=(const SpdyHeaderWriter&) = delete;
    ~SpdyHeaderWriter();

    std::string write(const SpdyHeaders& headers);

private:
    struct Deflater;
    std::unique_ptr<Deflater> deflater_;
};

/// The dictionary (1,423 bytes). Public for tests.
const std::string& spdy_dictionary();

} // namespace labctl::stream
