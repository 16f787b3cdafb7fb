#include "labctl/cli/cni_plugin.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <span>

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "labctl/cli/client.h"
#include "labctl/cni/error.h"
#include "labctl/cni/request.h"
#include "labctl/cni/version.h"
#include "labctl/supervisor/paths.h"
#include "mesh/http/parser.h"
#include "mesh/http/writer.h"
#include "netemu/base/error.h"
#include "netemu/base/limits.h"
#include "netemu/base/process.h"
#include "netemu/base/unique_fd.h"

namespace labctl::cli {

namespace {

using cni::CniError;
using cni::Code;
using nlohmann::json;

std::string read_config_text() {
    std::string text;
    std::array<char, 4096> buffer{};
    for (;;) {
        const auto size = ::read(STDIN_FILENO, buffer.data(), buffer.size());
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size < 0 || text.size() > netemu::limits::kDocumentBytesMax) {
            throw CniError(
                Code::Io,
                "the network configuration cannot be read: " +
                    (size < 0 ? netemu::errno_text(errno) : std::string("it is too long")));
        }
        if (size == 0) {
            return text;
        }
        text.append(buffer.data(), static_cast<std::size_t>(size));
    }
}

/// A descriptor of the container's network namespace.
netemu::UniqueFd open_netns(const std::string& path) {
    netemu::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) {
        throw CniError(
            Code::InvalidEnvironment, "CNI_NETNS: " + path + ": " + netemu::errno_text(errno));
    }
    if (::ioctl(fd.get(), NS_GET_NSTYPE) != CLONE_NEWNET) {
        throw CniError(Code::InvalidEnvironment, "CNI_NETNS: " + path + " is no network namespace");
    }
    struct stat theirs {};
    struct stat ours {};
    if (::fstat(fd.get(), &theirs) == 0 && ::stat("/proc/self/ns/net", &ours) == 0 &&
        theirs.st_ino == ours.st_ino) {
        throw CniError(
            Code::InvalidEnvironment,
            "CNI_NETNS: " + path + " is the host's own namespace, in which nothing is made");
    }
    return fd;
}

supervisor::LabPaths paths_of(const cni::NetworkConfig& config) {
    try {
        supervisor::check_lab_name(config.lab);
    } catch (const netemu::UsageError& error) {
        throw CniError(Code::InvalidConfig, std::string("lab: ") + error.what());
    }
    const auto paths = supervisor::LabPaths::of(config.lab);
    return config.run_dir.empty()
               ? paths
               : supervisor::LabPaths::under(
                     config.lab, config.run_dir, paths.state_root, paths.netns_dir);
}

netemu::UniqueFd connect_to(const std::string& path) {
    netemu::UniqueFd fd(
        netemu::check_syscall("create a socket", ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        throw CniError(Code::InvalidConfig, "runDir: the path is too long: " + path);
    }
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    netemu::check_syscall(
        "connect to the lab at " + path,
        ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
    return fd;
}

/// Asks the lab, with a descriptor beside the question. The lab's commands pass none, so their
/// client has no words for it.
json ask_with_fd(const std::string& socket, const json& question, const netemu::UniqueFd& passed) {
    mesh::Request request;
    request.method = "POST";
    request.target = "/apis/labctl.dev/v1/cni";
    request.headers = {{"host", "labctl"}, {"content-type", "application/json"}};
    request.body = question.dump();
    const auto bytes = mesh::to_bytes(request);
    const auto connection = connect_to(socket);
    std::vector<int> fds;
    if (passed) {
        fds.push_back(passed.get());
    }
    for (std::size_t done = 0; done < bytes.size(); fds.clear()) {
        const auto sent =
            netemu::send_with_fds(connection.get(), std::span(bytes).subspan(done), fds);
        done += sent > 0 ? static_cast<std::size_t>(sent) : 0;
    }
    mesh::ResponseParser parser;
    std::array<char, 16384> buffer{};
    while (!parser.complete() && !parser.failed()) {
        const auto message = netemu::receive_with_fds(connection.get(), buffer);
        if (message.size <= 0) {
            throw LabGoneError("the lab ended before it answered");
        }
        parser.feed(std::string_view(buffer.data(), static_cast<std::size_t>(message.size)));
    }
    auto answer = json::parse(parser.response().body, nullptr, false);
    if (parser.failed() || answer.is_discarded()) {
        throw netemu::Error("the lab's answer is not understood");
    }
    if (parser.response().status >= 400) {
        throw RemoteError(parser.response().status, answer);
    }
    return answer;
}

/// What the lab says; null when it is not up and that is all right.
json ask_lab(
    const cni::Request& request, const cni::Environment& environment, const std::string& config) {
    const auto paths = paths_of(request.config);
    if (!supervisor::lab_alive(paths)) {
        if (request.command == cni::Command::Delete || request.command == cni::Command::Collect) {
            return {}; // with the lab everything of it has gone
        }
        throw CniError(
            request.command == cni::Command::Status ? Code::NotAvailable : Code::TryAgainLater,
            "lab '" + request.config.lab + "' is not up",
            "it is looked for under " + paths.run_root +
                "; `labctl up` brings it up, \"runDir\" of the configuration names another place");
    }
    netemu::UniqueFd netns;
    if (request.command == cni::Command::Add || request.command == cni::Command::Check) {
        netns = open_netns(request.netns);
    }
    const auto answer =
        ask_with_fd(paths.socket, {{"environment", environment}, {"config", config}}, netns);
    if (answer.contains("error")) {
        const auto& error = answer["error"];
        throw CniError(
            static_cast<Code>(error.at("code").get<int>()),
            error.value("msg", ""),
            error.value("details", ""));
    }
    return answer.value("result", json());
}

json answer_call(const cni::Environment& environment, std::string& config) {
    config = read_config_text();
    const auto request = cni::read_request(environment, config);
    if (request.command == cni::Command::Version) {
        return cni::version_answer(config);
    }
    try {
        return ask_lab(request, environment, config);
    } catch (const CniError&) {
        throw;
    } catch (const RemoteError& error) { // the lab is being built
        throw CniError(Code::TryAgainLater, error.what());
    } catch (const LabGoneError& error) {
        if (request.command == cni::Command::Delete || request.command == cni::Command::Collect) {
            return {};
        }
        throw CniError(Code::TryAgainLater, error.what());
    }
}

} // namespace

bool is_cni_call() {
    return std::getenv("CNI_COMMAND") != nullptr; // NOLINT(concurrency-mt-unsafe)
}

int run_cni_plugin() {
    std::string config;
    json answer;
    int status = 0;
    try {
        answer = answer_call(cni::cni_environment(environ), config);
    } catch (const CniError& error) {
        answer = error.to_json(cni::answer_version(config));
        status = 1;
    } catch (const std::exception& error) {
        answer = CniError(Code::Internal, error.what()).to_json(cni::answer_version(config));
        status = 1;
    }
    if (!answer.is_null()) {
        std::cout << answer.dump(2, ' ', false, json::error_handler_t::replace) << std::endl;
    }
    return status;
}

} // namespace labctl::cli
