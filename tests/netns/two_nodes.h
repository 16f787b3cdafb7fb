#pragma once

#include "netemu/model/network.h"

namespace netemu::test {

/// Two nodes on one segment, a VXLAN tunnel between them in both address families inside, pods a
/// and c on node-1 and b on node-2 (10.244.N.2, fd00:244:N::2; c has .3), masquerade on node-2.
DesiredState two_nodes();

} // namespace netemu::test
