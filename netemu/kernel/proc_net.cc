#include "netemu/kernel/proc_net.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "netemu/base/error.h"
#include "netemu/base/unique_fd.h"
#include "netemu/kernel/namespace_scope.h"

namespace netemu {

namespace {

constexpr std::size_t kProcNetPiece = 64U << 10U;

std::string read_proc_file(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd && errno == ENOENT) {
        return {};
    }
    check_syscall("open " + path, fd.get());
    std::string text;
    for (;;) {
        const auto size = text.size();
        if (size > kProcNetBytesMax) {
            throw Error(path + " is longer than " + std::to_string(kProcNetBytesMax) + " bytes");
        }
        text.resize(size + kProcNetPiece);
        const auto count = check_syscall(
            "read " + path, static_cast<int>(::read(fd.get(), text.data() + size, kProcNetPiece)));
        text.resize(size + static_cast<std::size_t>(count));
        if (count == 0) {
            return text;
        }
    }
}

} // namespace

std::vector<std::string> read_proc_net(int descriptor, const std::vector<std::string>& names) {
    const auto home = current_namespace();
    NamespaceScope scope(home.get());
    scope.enter(descriptor);
    std::vector<std::string> contents;
    contents.reserve(names.size());
    for (const auto& name : names) {
        // /proc/net is that of the process's first thread, wherever this one has gone.
        contents.push_back(read_proc_file("/proc/thread-self/net/" + name));
    }
    return contents;
}

} // namespace netemu
