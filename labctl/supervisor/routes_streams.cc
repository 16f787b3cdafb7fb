#include <algorithm>
#include <charconv>

#include "labctl/api/status_error.h"
#include "labctl/stream/channel_forward_peer.h"
#include "labctl/stream/stream_spec.h"
#include "labctl/supervisor/routes.h"

/// exec, attach and portforward of pods.
namespace labctl::supervisor {

using api::StatusError;
using stream::Purpose;

namespace {

Purpose purpose_of(const std::string& subresource) {
    return subresource == "exec"     ? Purpose::Exec
           : subresource == "attach" ? Purpose::Attach
                                     : Purpose::Forward;
}

stream::CommandStreams streams_of(const ApiRequest& request) {
    stream::CommandStreams streams{
        request.flag("stdin"), request.flag("stdout"), request.flag("stderr"), request.flag("tty")};
    if (!streams.input && !streams.output && !streams.error) {
        throw StatusError::bad_request("you must specify at least 1 of stdin, stdout, stderr");
    }
    return streams;
}

/// "ports=80,443&ports=8080" of a forwarding over channels.
std::vector<std::uint16_t> ports_of(const ApiRequest& request) {
    std::vector<std::uint16_t> ports;
    for (const auto& list : request.parameters("ports")) {
        const auto* at = list.data();
        const auto* const end = at + list.size();
        for (bool more = true; more; ++at) {
            std::uint16_t port = 0;
            const auto [next, error] = std::from_chars(at, end, port);
            more = next != end;
            if (error != std::errc() || port == 0 || (more && *next != ',')) {
                throw StatusError::bad_request("'" + list + "' are no ports");
            }
            ports.push_back(port);
            at = next;
        }
    }
    if (ports.empty() || ports.size() > stream::ChannelForwardPeer::kPortsMax) {
        throw StatusError::bad_request(
            "a client that speaks no SPDY has to name 1 to " +
            std::to_string(stream::ChannelForwardPeer::kPortsMax) + " 'ports'");
    }
    return ports;
}

} // namespace

bool Routes::is_stream(const std::string& subresource) {
    return subresource == "exec" || subresource == "attach" || subresource == "portforward";
}

void Routes::check_container(const api::Object& pod, const std::string& container) {
    const auto& containers = api::at(pod.body, "spec.containers");
    const bool known =
        container.empty() ||
        std::any_of(containers.begin(), containers.end(), [&container](const auto& each) {
            return api::string_at(each, "name") == container;
        });
    if (!known) {
        throw StatusError::bad_request(
            "container " + container + " is not valid for pod " + pod.name());
    }
}

void Routes::stream(
    const ApiRequest& request, const ResourcePath& path, const ExchangePtr& exchange) {
    if (request.method != "GET" && request.method != "POST") {
        throw StatusError(405, "MethodNotAllowed", "a stream is asked for by GET or POST");
    }
    const auto pod = lab_.store().get(path.key());
    if (!pod) {
        throw StatusError::not_found(path.plural, path.name);
    }
    stream::StreamSpec spec;
    spec.purpose = purpose_of(path.subresource);
    spec.pod = path.ns + "/" + path.name;
    if (spec.purpose != Purpose::Forward) {
        check_container(*pod, request.parameter("container"));
        spec.streams = streams_of(request);
    }
    if (spec.purpose == Purpose::Exec) {
        spec.command = request.parameters("command");
        if (spec.command.empty() || spec.command.front().empty()) {
            throw StatusError::bad_request(
                "you must specify at least one command for the container");
        }
    }
    spec.upgrade = stream::negotiate(request.method, request.headers, spec.purpose);
    if (spec.upgrade.protocol == stream::Protocol::ChannelsV4 && spec.purpose == Purpose::Forward) {
        spec.ports = ports_of(request);
    }
    lab_.serve_stream(*pod, std::move(spec), exchange);
}

} // namespace labctl::supervisor
