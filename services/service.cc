#include "services/service.h"

namespace services {

std::string_view to_text(Protocol protocol) {
    switch (protocol) {
    case Protocol::Tcp:
        return "TCP";
    case Protocol::Udp:
        return "UDP";
    case Protocol::Sctp:
        return "SCTP";
    }
    return "?";
}

std::string_view lower_text(Protocol protocol) {
    switch (protocol) {
    case Protocol::Tcp:
        return "tcp";
    case Protocol::Udp:
        return "udp";
    case Protocol::Sctp:
        return "sctp";
    }
    return "?";
}

std::optional<Protocol> parse_protocol(std::string_view text) {
    if (text.empty() || text == "TCP") {
        return Protocol::Tcp;
    }
    if (text == "UDP") {
        return Protocol::Udp;
    }
    if (text == "SCTP") {
        return Protocol::Sctp;
    }
    return std::nullopt;
}

std::string ServicePortName::to_string() const {
    std::string text = name_space + "/" + name;
    if (!port.empty()) {
        text += ":" + port;
    }
    return text;
}

} // namespace services
