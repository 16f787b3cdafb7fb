#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// HTTP/2 frames written and read by hand (RFC 9113, RFC 7541), so that no side of nghttp2 is
/// checked by another one.
namespace h2_frames {

inline constexpr int kData = 0;
inline constexpr int kHeaders = 1;
inline constexpr int kRstStream = 3;
inline constexpr int kSettings = 4;
inline constexpr int kPushPromise = 5;
inline constexpr int kGoaway = 7;
inline constexpr int kWindowUpdate = 8;
inline constexpr int kContinuation = 9;
inline constexpr int kEndStream = 1;
inline constexpr int kEndHeaders = 4;

/// In network order.
std::string u32(std::uint32_t value);

/// RFC 9113 section 4.1.
std::string frame(int type, int flags, std::uint32_t stream, const std::string& payload);

/// HPACK: a literal without indexing, name and value as plain strings (RFC 7541 section 6.2.2);
/// names of at most 126 bytes.
std::string field(const std::string& name, const std::string& value);

std::string request_head(const std::string& method = "GET", const std::string& path = "/");

/// One setting of a SETTINGS frame.
std::string setting(int id, std::uint32_t value);

/// The preface and the first SETTINGS frame of a client.
std::string client_opening();

struct Frame {
    int type = 0;
    int flags = 0;
    std::uint32_t stream = 0;
    std::string payload;
};

/// All frames in `bytes`, which may begin with a client's preface.
std::vector<Frame> frames(const std::string& bytes);
/// Those of one type about one stream.
std::vector<Frame> frames(const std::string& bytes, int type, std::uint32_t stream);

} // namespace h2_frames
