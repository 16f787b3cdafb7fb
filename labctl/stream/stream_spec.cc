#include "labctl/stream/stream_spec.h"

#include <nlohmann/json.hpp>

#include "netemu/base/base64.h"
#include "netemu/base/error.h"

namespace labctl::stream {

using nlohmann::json;

std::string to_text(const StreamSpec& spec) {
    return json{
        {"purpose", static_cast<int>(spec.purpose)},
        {"protocol", to_string(spec.upgrade.protocol)},
        {"response", spec.upgrade.response},
        {"unread", netemu::encode_base64(spec.unread)},
        {"pod", spec.pod},
        {"streams",
         {spec.streams.input, spec.streams.output, spec.streams.error, spec.streams.terminal}},
        {"command", spec.command},
        {"hostname", spec.hostname},
        {"environment", spec.environment},
        {"ports", spec.ports}}
        .dump(-1, ' ', false, json::error_handler_t::replace);
}

StreamSpec parse_stream_spec(const std::string& text) {
    try {
        const auto body = json::parse(text);
        StreamSpec spec;
        spec.purpose = static_cast<Purpose>(body.at("purpose").get<int>());
        spec.upgrade.protocol = parse_protocol(body.at("protocol").get<std::string>());
        spec.upgrade.response = body.at("response");
        spec.unread = netemu::decode_base64(body.at("unread").get<std::string>()).value_or("");
        spec.pod = body.at("pod");
        const auto& streams = body.at("streams");
        spec.streams = {streams.at(0), streams.at(1), streams.at(2), streams.at(3)};
        spec.command = body.at("command").get<std::vector<std::string>>();
        spec.hostname = body.at("hostname");
        spec.environment = body.at("environment").get<std::map<std::string, std::string>>();
        spec.ports = body.at("ports").get<std::vector<std::uint16_t>>();
        return spec;
    } catch (const json::exception& error) {
        throw netemu::Error(std::string("what a stream is to be cannot be read: ") + error.what());
    }
}

} // namespace labctl::stream
