#include "netemu/base/process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "netemu/base/error.h"

namespace netemu {

SocketPair::SocketPair(int type) {
    std::array<int, 2> fds{};
    check_syscall("create a socket pair", ::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds.data()));
    first.reset(fds[0]);
    second.reset(fds[1]);
}

ssize_t send_with_fds(int socket, std::span<const char> data, std::span<const int> fds) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kFdsPerMessageMax)> control{};
    iovec vector{const_cast<char*>(data.data()), data.size()}; // NOLINT: iovec has no const form
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    if (fds.size() > kFdsPerMessageMax) {
        throw Error("too many descriptors for one message");
    }
    if (!fds.empty()) {
        message.msg_control = control.data();
        message.msg_controllen = CMSG_SPACE(fds.size_bytes());
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
    }
    for (;;) {
        const auto sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
        if (sent >= 0 || errno == EAGAIN) {
            return sent;
        }
        if (errno != EINTR) {
            throw SysError("send over a Unix socket", errno);
        }
    }
}

ReceivedMessage receive_with_fds(int socket, std::span<char> buffer) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kFdsPerMessageMax)> control{};
    iovec vector{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    ReceivedMessage result;
    do {
        result.size = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    } while (result.size < 0 && errno == EINTR);
    if (result.size < 0) {
        if (errno != EAGAIN) {
            throw SysError("receive from a Unix socket", errno);
        }
        return result;
    }
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        const auto count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
            result.fds.emplace_back(fd);
        }
    }
    if ((message.msg_flags & MSG_CTRUNC) != 0) {
        throw SysError("receive descriptors over a Unix socket", EMFILE);
    }
    return result;
}

void set_nonblocking(int fd, bool nonblocking) {
    const int flags = check_syscall("read descriptor flags", ::fcntl(fd, F_GETFL));
    const int wanted = nonblocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    check_syscall("set descriptor flags", ::fcntl(fd, F_SETFL, wanted));
}

std::size_t raise_open_files_limit(std::size_t wanted) {
    rlimit limit{};
    check_syscall("read the limit of open files", ::getrlimit(RLIMIT_NOFILE, &limit));
    rlimit raised = limit;
    raised.rlim_max = std::max<rlim_t>(limit.rlim_max, wanted);
    raised.rlim_cur = raised.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) {
        return raised.rlim_cur;
    }
    limit.rlim_cur = limit.rlim_max;
    check_syscall("raise the limit of open files", ::setrlimit(RLIMIT_NOFILE, &limit));
    return limit.rlim_cur;
}

} // namespace netemu
