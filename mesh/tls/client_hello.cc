#include "mesh/tls/client_hello.h"

#include <algorithm>
#include <optional>

namespace mesh {
namespace {

constexpr std::uint8_t kHandshakeRecord = 22;
constexpr std::uint8_t kClientHelloMessage = 1;
constexpr std::size_t kMessageHead = 4;
constexpr unsigned kServerNameExtension = 0;
constexpr unsigned kAlpnExtension = 16;

/// Big-endian numbers and vectors with a length before them; what is cut short is nullopt.
class HelloReader {
public:
    explicit HelloReader(std::string_view bytes) : rest_(bytes) {}

    [[nodiscard]] bool done() const { return rest_.empty(); }
    std::optional<unsigned> number(std::size_t bytes) {
        if (rest_.size() < bytes) {
            return std::nullopt;
        }
        unsigned value = 0;
        for (std::size_t i = 0; i < bytes; ++i) {
            value = (value << 8U) | static_cast<std::uint8_t>(rest_[i]);
        }
        rest_.remove_prefix(bytes);
        return value;
    }
    std::optional<std::string_view> take(std::size_t size) {
        if (rest_.size() < size) {
            return std::nullopt;
        }
        const auto taken = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return taken;
    }
    std::optional<std::string_view> vector(std::size_t length_bytes) {
        const auto size = number(length_bytes);
        return size ? take(*size) : std::nullopt;
    }

private:
    std::string_view rest_;
};

std::string read_server_name(std::string_view extension) {
    HelloReader outer(extension);
    HelloReader list(outer.vector(2).value_or(std::string_view()));
    const auto type = list.number(1);
    return type == 0U ? std::string(list.vector(2).value_or(std::string_view())) : std::string();
}

std::vector<std::string> read_alpn(std::string_view extension) {
    HelloReader outer(extension);
    HelloReader list(outer.vector(2).value_or(std::string_view()));
    std::vector<std::string> protocols;
    while (const auto protocol = list.vector(1)) {
        protocols.emplace_back(*protocol);
    }
    return protocols;
}

/// The body of the message.
bool read_hello(std::string_view body, ClientHello& hello) {
    constexpr std::size_t kVersionAndRandom = 2 + 32;
    HelloReader reader(body);
    if (!reader.take(kVersionAndRandom) || !reader.vector(1) || !reader.vector(2) ||
        !reader.vector(1)) {
        return false;
    }
    if (reader.done()) {
        return true; // no extensions: TLS 1.2 allows it
    }
    const auto all = reader.vector(2);
    if (!all) {
        return false;
    }
    HelloReader extensions(*all);
    while (!extensions.done()) {
        const auto type = extensions.number(2);
        const auto content = extensions.vector(2);
        if (!type || !content) {
            return false;
        }
        if (*type == kServerNameExtension) {
            hello.server_name = read_server_name(*content);
        } else if (*type == kAlpnExtension) {
            hello.alpn = read_alpn(*content);
        }
    }
    return true;
}

} // namespace

bool ClientHello::offers(std::string_view prefix) const {
    return std::any_of(alpn.begin(), alpn.end(), [prefix](const std::string& protocol) {
        return protocol.starts_with(prefix);
    });
}

ClientHello read_client_hello(std::string_view bytes) {
    ClientHello hello;
    std::string message;
    std::size_t wanted = kMessageHead;
    HelloReader records(bytes);
    while (message.size() < wanted) {
        const auto type = records.number(1);
        if (type && *type != kHandshakeRecord) {
            hello.found = ClientHello::Found::None;
            return hello;
        }
        const auto version = records.number(2);
        if (version && (*version >> 8U) != 3) {
            hello.found = ClientHello::Found::None;
            return hello;
        }
        const auto content = records.vector(2);
        if (!content) {
            if (bytes.size() > kClientHelloMax) {
                hello.found = ClientHello::Found::None;
            }
            return hello;
        }
        message.append(*content);
        HelloReader head(message);
        const auto kind = head.number(1);
        const auto size = head.number(3);
        if (kind && *kind != kClientHelloMessage) {
            hello.found = ClientHello::Found::None;
            return hello;
        }
        if (size) {
            wanted = kMessageHead + *size;
        }
        if (content->empty() || wanted > kClientHelloMax) {
            hello.found = ClientHello::Found::None;
            return hello;
        }
    }
    const auto body = std::string_view(message).substr(kMessageHead, wanted - kMessageHead);
    hello.found = read_hello(body, hello) ? ClientHello::Found::Complete : ClientHello::Found::None;
    return hello;
}

} // namespace mesh
