#include "labctl/store/background_sync.h"

#include <array>
#include <cerrno>

#include <linux/aio_abi.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "netemu/base/error.h"

namespace labctl::store {

namespace {

constexpr std::size_t kInFlightMax = 8;

} // namespace

BackgroundSync::BackgroundSync(std::string path) : path_(std::move(path)) {
    aio_context_t context = 0;
    if (::syscall(SYS_io_setup, kInFlightMax, &context) == 0) {
        context_ = context;
    }
}

BackgroundSync::~BackgroundSync() {
    if (context_ != 0) {
        ::syscall(SYS_io_destroy, context_);
    }
}

void BackgroundSync::reap() {
    std::array<io_event, kInFlightMax> events{};
    timespec no_wait{};
    const auto count =
        ::syscall(SYS_io_getevents, context_, 0, kInFlightMax, events.data(), &no_wait);
    for (long i = 0; i < count; ++i) {
        --in_flight_;
        const auto result = events.at(static_cast<std::size_t>(i)).res;
        if (result < 0 && result != -EINVAL) { // EINVAL: a file that has nothing to sync
            throw netemu::SysError("sync " + path_, static_cast<int>(-result));
        }
    }
}

void BackgroundSync::request(int fd) {
    if (context_ == 0) {
        return;
    }
    reap();
    if (in_flight_ == kInFlightMax) {
        return; // the next request, or `wait`, covers this data too
    }
    iocb block{};
    block.aio_fildes = static_cast<std::uint32_t>(fd);
    block.aio_lio_opcode = IOCB_CMD_FDSYNC;
    auto* blocks = &block;
    if (::syscall(SYS_io_submit, context_, 1, &blocks) == 1) {
        ++in_flight_;
    }
}

void BackgroundSync::wait(int fd) {
    if (::fdatasync(fd) != 0 && errno != EINVAL && errno != EROFS) {
        throw netemu::SysError("sync " + path_, errno);
    }
}

} // namespace labctl::store
