#include "labctl/supervisor/sandbox.h"

#include <array>
#include <cerrno>
#include <utility>

#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "labctl/api/object.h"
#include "labctl/supervisor/process_end.h"
#include "labctl/supervisor/sandbox_protocol.h"
#include "netemu/base/error.h"
#include "netemu/base/memory_file.h"

namespace labctl::supervisor {

using api::Json;
using netemu::check_syscall;

namespace {

netemu::UniqueFd configuration_file(const SandboxSpec& spec) {
    return netemu::memory_file(Json{
        {"hostname", spec.hostname},
        {"resolvConf", spec.resolv_conf},
        {"hosts", spec.hosts},
        {"rootfs", spec.rootfs},
        {"birdDir", spec.bird_dir},
        {"hideDir", spec.hide_dir}}.dump());
}

} // namespace

Sandbox::Sandbox(netemu::EventLoop& loop, const SandboxSpec& spec, GoneCallback gone)
    : loop_(loop), gone_(std::move(gone)) {
    netemu::SocketPair channel(SOCK_SEQPACKET);
    const auto configuration = configuration_file(spec);
    netemu::SpawnOptions options;
    options.arguments = {"labctl", "__sandbox", spec.hostname};
    options.fds = {
        {spec.netns_fd, kSandboxNetnsFd},
        {configuration.get(), kSandboxConfigurationFd},
        {channel.second.get(), kSandboxChannelFd}};
    options.clone_flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC;
    process_ = netemu::spawn(options);
    channel_ = std::move(channel.first);
    channel.second.reset();
}

void Sandbox::finish() {
    wait_until_ready();
    netemu::set_nonblocking(channel_.get());
    loop_.add(channel_.get(), EPOLLIN, [this](std::uint32_t) { receive(); });
}

void Sandbox::wait_until_ready() {
    constexpr int kReadyMsMax = 10000;
    pollfd wait{channel_.get(), POLLIN, 0};
    std::vector<char> buffer(kSandboxMessageBytesMax);
    const int ready = ::poll(&wait, 1, kReadyMsMax);
    const auto message =
        ready > 0 ? netemu::receive_with_fds(channel_.get(), buffer) : netemu::ReceivedMessage{};
    if (message.size <= 0) {
        throw netemu::Error(
            "create the sandbox of process " + std::to_string(process_.pid) +
            (ready == 0 ? ": it was not ready within " + std::to_string(kReadyMsMax / 1000) + " s"
                        : ": it ended before it was ready"));
    }
    const auto reply = Json::parse(buffer.begin(), buffer.begin() + message.size);
    if (reply.contains("error")) {
        throw netemu::SysError(reply["attempt"].get<std::string>(), reply["error"].get<int>());
    }
    warnings_ = reply["warnings"].get<std::vector<std::string>>();
}

Sandbox::~Sandbox() {
    loop_.remove(channel_.get());
    end_process(loop_, std::move(process_)); // takes everything in its pid namespace with it
}

void Sandbox::run(const SandboxCommand& command, ExitCallback on_exit) {
    on_exit_ = std::move(on_exit);
    const auto text =
        Json{
            {"arguments", command.arguments},
            {"environment", command.environment},
            {"directory", command.directory}}
            .dump();
    const std::array<int, 1> fds{command.output};
    if (netemu::send_with_fds(channel_.get(), text, fds) < 0) {
        throw netemu::Error("the sandbox does not take commands");
    }
}

void Sandbox::signal(int number) {
    const auto text = Json{{"signal", number}}.dump();
    if (netemu::send_with_fds(channel_.get(), text, {}) < 0) {
        throw netemu::Error("the sandbox does not take signals");
    }
}

void Sandbox::receive() {
    std::vector<char> buffer(kSandboxMessageBytesMax);
    netemu::ReceivedMessage message;
    try {
        message = netemu::receive_with_fds(channel_.get(), buffer);
    } catch (const netemu::SysError& error) {
        if (error.error_number() != ECONNRESET) { // it has ended with an order unread
            throw;
        }
    }
    if (message.size < 0) {
        return;
    }
    if (message.size == 0) {
        loop_.remove(channel_.get());
        const auto gone = gone_; // the callback may destroy this object
        gone();
        return;
    }
    // Who is root in the pod can speak in the name of its process 1 (pidfd_getfd(2)).
    const auto reply = Json::parse(buffer.begin(), buffer.begin() + message.size, nullptr, false);
    const auto& status = api::at(reply, "status");
    const auto& error = api::at(reply, "error");
    const auto callback = on_exit_;
    if (callback && status.is_number_integer() && error.is_string()) {
        callback(status.get<int>(), error.get<std::string>());
    }
}

} // namespace labctl::supervisor
