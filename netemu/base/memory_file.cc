#include "netemu/base/memory_file.h"

#include <algorithm>
#include <cerrno>

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netemu/base/error.h"

namespace netemu {

UniqueFd memory_file(std::string_view text, std::size_t offset) {
    UniqueFd file(check_syscall("create a file in memory", ::memfd_create("labctl", MFD_CLOEXEC)));
    while (!text.empty()) {
        const auto written =
            ::pwrite(file.get(), text.data(), text.size(), static_cast<off_t>(offset));
        if (written < 0) {
            throw SysError("write to a file in memory", errno);
        }
        offset += static_cast<std::size_t>(written);
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return file;
}

std::string memory_text(int file, std::size_t offset, std::size_t max) {
    struct stat info {};
    check_syscall("look at a file in memory", ::fstat(file, &info));
    const auto size = static_cast<std::size_t>(info.st_size);
    std::string text(std::min(size > offset ? size - offset : 0, max), '\0');
    std::size_t done = 0;
    while (done < text.size()) {
        const auto got = ::pread(
            file, text.data() + done, text.size() - done, static_cast<off_t>(offset + done));
        if (got <= 0) {
            break;
        }
        done += static_cast<std::size_t>(got);
    }
    text.resize(done);
    return text;
}

} // namespace netemu
