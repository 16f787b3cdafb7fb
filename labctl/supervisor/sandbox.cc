#include "labctl/supervisor/sandbox.h"

#include <array>
#include <cerrno>
#include <csignal>

#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "labctl/api/object.h"
#include "labctl/supervisor/sandbox_protocol.h"
#include "netemu/base/error.h"

namespace labctl::supervisor {

using api::Json;
using netemu::check_syscall;

namespace {

/// A file in memory with the sandbox's configuration: pipes would limit its size.
netemu::UniqueFd configuration_file(const SandboxSpec& spec) {
    const auto text = Json{
        {"hostname", spec.hostname},
        {"resolvConf", spec.resolv_conf},
        {"hosts", spec.hosts},
        {"rootfs", spec.rootfs},
        {"birdDir", spec.bird_dir},
        {"hideDir",
         spec.hide_dir}}.dump();
    netemu::UniqueFd file(check_syscall(
        "create the sandbox's configuration", ::memfd_create("sandbox", MFD_CLOEXEC)));
    if (::pwrite(file.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
        throw netemu::SysError("write the sandbox's configuration", errno);
    }
    return file;
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
            "create the sandbox of " + std::to_string(process_.pid) +
            ": it ended before it was ready");
    }
    const auto reply = Json::parse(buffer.begin(), buffer.begin() + message.size);
    if (reply.contains("error")) {
        throw netemu::SysError(reply["attempt"].get<std::string>(), reply["error"].get<int>());
    }
    warnings_ = reply["warnings"].get<std::vector<std::string>>();
}

Sandbox::~Sandbox() {
    loop_.remove(channel_.get());
    end_process();
}

/// Process 1 takes everything in its pid namespace with it.
void Sandbox::end_process() noexcept {
    (void)::syscall(SYS_pidfd_send_signal, process_.pidfd.get(), SIGKILL, nullptr, 0U);
    (void)::waitpid(process_.pid, nullptr, 0);
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
    const auto reply = Json::parse(buffer.begin(), buffer.begin() + message.size);
    const auto callback = on_exit_;
    if (callback) {
        callback(reply["status"].get<int>(), reply["error"].get<std::string>());
    }
}

} // namespace labctl::supervisor
