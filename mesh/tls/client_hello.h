#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mesh {

/// What the first bytes of a connection say of TLS, without answering them (Envoy's
/// tls_inspector). Pure.
struct ClientHello {
    enum class Found : std::uint8_t {
        Undecided, // it may become one
        None,      // not TLS
        Complete,
    };
    Found found = Found::Undecided;
    std::string server_name;       // SNI, as it came; "": none
    std::vector<std::string> alpn; // RFC 7301, in the client's order

    /// Whether it offers a protocol that begins so.
    [[nodiscard]] bool offers(std::string_view prefix) const;
};

/// The longest ClientHello that is looked for in vain; of more bytes the answer is None.
inline constexpr std::size_t kClientHelloMax = 16U << 10U;

/// Reads the beginning of what a client has sent (RFC 8446 sections 4.1.2 and 5.1); the message may
/// be spread over several records. Nothing that it holds makes this throw.
[[nodiscard]] ClientHello read_client_hello(std::string_view bytes);

} // namespace mesh
