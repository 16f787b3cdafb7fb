#include "netemu/base/heap.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

namespace netemu {

namespace {

constexpr std::size_t kMmapThreshold = 128U << 10U; // glibc's own: larger blocks are mapped
constexpr std::size_t kBlockMax = 31U << 20U;       // the largest that it can be told not to map
constexpr std::size_t kTrim = 1U << 30U;            // give back from there on: in effect never

} // namespace

void reserve_heap(std::size_t bytes) {
#if defined(__GLIBC__) && defined(MADV_POPULATE_WRITE) && !defined(__SANITIZE_ADDRESS__) &&        \
    !defined(__SANITIZE_THREAD__)
    const auto spare = static_cast<std::size_t>(::mallinfo2().fordblks);
    if (bytes <= spare + kMmapThreshold) {
        return; // what is free already will do
    }
    ::mallopt(M_TRIM_THRESHOLD, static_cast<int>(kTrim));
    ::mallopt(M_MMAP_THRESHOLD, static_cast<int>(kBlockMax + kMmapThreshold));
    const auto size = std::min(bytes - spare, kBlockMax);
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    if (auto* const block = static_cast<char*>(std::malloc(size)); block != nullptr) {
        auto* const first = block - reinterpret_cast<std::uintptr_t>(block) % page;
        static_cast<void>(::madvise(first, size, MADV_POPULATE_WRITE));
        std::free(block); // and so it is the top of the heap, ready for use
    }
    ::mallopt(M_MMAP_THRESHOLD, static_cast<int>(kMmapThreshold));
#else
    static_cast<void>(bytes);
#endif
}

} // namespace netemu
