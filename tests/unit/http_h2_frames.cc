#include "tests/unit/http_h2_frames.h"

#include "mesh/http/h2_streams.h"

namespace h2_frames {

std::string u32(std::uint32_t value) {
    std::string bytes;
    for (const unsigned shift : {24U, 16U, 8U, 0U}) {
        bytes += static_cast<char>((value >> shift) & 0xffU);
    }
    return bytes;
}

std::string frame(int type, int flags, std::uint32_t stream, const std::string& payload) {
    return u32(static_cast<std::uint32_t>(payload.size())).substr(1) + static_cast<char>(type) +
           static_cast<char>(flags) + u32(stream) + payload;
}

std::string field(const std::string& name, const std::string& value) {
    std::string size;
    if (value.size() < 127) {
        size = static_cast<char>(value.size());
    } else {
        size = '\x7f';
        auto rest = value.size() - 127;
        for (; rest >= 128; rest /= 128) {
            size += static_cast<char>(rest % 128 + 128);
        }
        size += static_cast<char>(rest);
    }
    return std::string(1, '\0') + static_cast<char>(name.size()) + name + size + value;
}

std::string request_head(const std::string& method, const std::string& path) {
    return field(":method", method) + field(":scheme", "http") + field(":path", path) +
           field(":authority", "backend");
}

std::string setting(int id, std::uint32_t value) {
    return std::string(1, '\0') + static_cast<char>(id) + u32(value);
}

std::string client_opening() {
    return std::string(mesh::kH2Preface) + frame(kSettings, 0, 0, "");
}

std::vector<Frame> frames(const std::string& bytes) {
    std::vector<Frame> found;
    const auto byte = [&](std::size_t at) -> unsigned {
        return static_cast<unsigned char>(bytes.at(at));
    };
    for (std::size_t at = bytes.starts_with("PRI") ? mesh::kH2Preface.size() : 0;
         at + 9 <= bytes.size();) {
        const std::size_t size = byte(at) << 16U | byte(at + 1) << 8U | byte(at + 2);
        found.push_back(
            {static_cast<int>(byte(at + 3)),
             static_cast<int>(byte(at + 4)),
             byte(at + 5) << 24U | byte(at + 6) << 16U | byte(at + 7) << 8U | byte(at + 8),
             bytes.substr(at + 9, size)});
        at += 9 + size;
    }
    return found;
}

std::vector<Frame> frames(const std::string& bytes, int type, std::uint32_t stream) {
    auto all = frames(bytes);
    std::erase_if(all, [&](const auto& f) { return f.type != type || f.stream != stream; });
    return all;
}

} // namespace h2_frames
