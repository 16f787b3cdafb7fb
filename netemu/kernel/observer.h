#pragma once

#include "netemu/kernel/namespace_table.h"
#include "netemu/model/observed.h"

namespace netemu {

/// Reads back what is in one namespace, and refreshes what the table knows of its links. `request`
/// is room to write in. Throws SysError.
NamespaceInfo observe_namespace(NamespaceTable& table, LiveNamespace& ns, Batch& request);

} // namespace netemu
