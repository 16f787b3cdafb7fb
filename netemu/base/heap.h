#pragma once

#include <cstddef>

namespace netemu {

/// Tells the allocator that about `bytes` more of small objects are about to be made. Their pages
/// are taken from the kernel in one call; touched one by one they cost a page fault each, which on
/// a virtual machine is more than the making of the objects. The memory stays with the process.
/// Does nothing where the C library or the kernel (before 5.14) cannot, and never fails. Main
/// thread only.
void reserve_heap(std::size_t bytes);

} // namespace netemu
