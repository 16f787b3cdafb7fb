#include "mesh/http/grpc.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

#include "netemu/base/text.h"

namespace mesh {
namespace {

constexpr std::size_t kPrefixBytes = 5; // a flag and four bytes of length
constexpr std::string_view kStatusField = "grpc-status";
constexpr std::string_view kMessageField = "grpc-message";

std::optional<unsigned> hex_byte(std::string_view digits) {
    constexpr int kHex = 16;
    unsigned value = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, kHex);
    return error == std::errc() && end == digits.data() + digits.size() ? std::optional(value)
                                                                        : std::nullopt;
}

} // namespace

bool has_grpc_content_type(const Headers& headers) {
    const auto type = netemu::to_lower(headers.get("content-type"));
    const auto rest = std::string_view(type).substr(std::min(kGrpcContentType.size(), type.size()));
    return type.starts_with(kGrpcContentType) &&
           (rest.empty() || rest.front() == '+' || rest.front() == ';');
}

std::string grpc_frame(std::string_view message) {
    std::string frame(1, '\0');
    for (const unsigned shift : {24U, 16U, 8U, 0U}) {
        frame += static_cast<char>((message.size() >> shift) & 0xffU);
    }
    return frame.append(message);
}

GrpcBody read_grpc_body(std::string_view body) {
    GrpcBody read;
    while (!body.empty()) {
        if (body.size() < kPrefixBytes) {
            read.malformed = true;
            break;
        }
        std::size_t size = 0;
        for (std::size_t i = 1; i < kPrefixBytes; ++i) {
            size = size << 8U | static_cast<unsigned char>(body[i]);
        }
        const auto flag = static_cast<unsigned char>(body.front());
        body.remove_prefix(kPrefixBytes);
        if (flag > 1 || size > body.size()) {
            read.malformed = true;
            break;
        }
        read.compressed = read.compressed || flag == 1;
        read.messages.push_back(body.substr(0, size));
        body.remove_prefix(size);
    }
    return read;
}

std::optional<GrpcEnd> read_grpc_end(const Headers& headers) {
    const auto* const status = headers.find(kStatusField);
    if (status == nullptr) {
        return std::nullopt;
    }
    constexpr int kUnknown = 2;
    GrpcEnd end{kUnknown, percent_decode_grpc_message(headers.get(kMessageField))};
    int code = 0;
    const auto* const last = status->data() + status->size();
    const auto [used, error] = std::from_chars(status->data(), last, code);
    if (error == std::errc() && used == last && code >= 0) {
        end.code = code;
    }
    return end;
}

void add_grpc_end(const GrpcEnd& end, Headers& headers) {
    headers.add(std::string(kStatusField), std::to_string(end.code));
    if (!end.message.empty()) {
        headers.add(std::string(kMessageField), percent_encode_grpc_message(end.message));
    }
}

void make_grpc_end(const GrpcEnd& end, Response& response) {
    constexpr int kOk = 200;
    response.status = kOk;
    response.body.clear();
    response.headers.set("content-type", std::string(kGrpcContentType));
    response.headers.remove(kStatusField);
    response.headers.remove(kMessageField);
    add_grpc_end(end, response.headers);
}

int grpc_code_of_http(int status) {
    constexpr std::array<std::pair<int, int>, 8> kKnown{
        {{400, 13}, {401, 16}, {403, 7}, {404, 12}, {429, 14}, {502, 14}, {503, 14}, {504, 14}}};
    constexpr int kUnknown = 2;
    const auto* const found = std::find_if(
        kKnown.begin(), kKnown.end(), [status](const auto& each) { return each.first == status; });
    return found == kKnown.end() ? kUnknown : found->second;
}

std::string percent_encode_grpc_message(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f && c != '%') {
            encoded += c;
        } else {
            encoded += '%';
            encoded += kDigits[byte >> 4U];
            encoded += kDigits[byte & 0xfU];
        }
    }
    return encoded;
}

std::string percent_decode_grpc_message(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte =
            text[i] == '%' && i + 2 < text.size() ? hex_byte(text.substr(i + 1, 2)) : std::nullopt;
        decoded += byte ? static_cast<char>(*byte) : text[i];
        i += byte ? 2 : 0;
    }
    return decoded;
}

} // namespace mesh
