#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace labctl::store {

/// Asks the kernel to bring a file's data to the disk without waiting for it: IOCB_CMD_FDSYNC of
/// io_submit(2), which the kernel runs on a worker of its own. No thread of ours, so that a process
/// that clones children stays single-threaded. Where the kernel cannot (or its aio-max-nr is used
/// up), `request` does nothing and only `wait` syncs.
class BackgroundSync {
public:
    explicit BackgroundSync(std::string path); // for messages
    BackgroundSync(const BackgroundSync&) = delete;
    BackgroundSync& operator=(const BackgroundSync&) = delete;
    ~BackgroundSync(); // waits for what is under way

    /// Everything written to `fd` so far goes to the disk, soon. Throws SysError when an earlier
    /// request has failed (EIO, ENOSPC of a delayed allocation).
    void request(int fd);
    /// Returns when everything written to `fd` so far is on the disk. Throws SysError.
    void wait(int fd);

private:
    void reap();

    std::string path_;
    std::uint64_t context_ = 0; // aio_context_t; 0 when the kernel has none for us
    std::size_t in_flight_ = 0;
};

} // namespace labctl::store
