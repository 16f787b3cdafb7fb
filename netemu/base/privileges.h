#pragma once

namespace netemu {

/// Gives up what a process can give up: supplementary groups, uid and gid 0 (if 65534 is mapped
/// here), every capability including the bounding set, and the right to gain any by exec. Makes the
/// process undumpable, and has the kernel kill it when its parent dies. Call while there is one
/// thread. Throws SysError.
void drop_privileges();

} // namespace netemu
