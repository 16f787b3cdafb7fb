#include "netemu/kernel/generic_netlink.h"

#include <cerrno>
#include <cstring>

#include <linux/genetlink.h>

#include "netemu/base/error.h"
#include "netemu/kernel/attributes.h"

namespace netemu {

std::optional<std::uint16_t>
find_generic_family(NetlinkSocket& socket, const char* name, const char* attempt) {
    Batch request;
    request.start<genlmsghdr>(GENL_ID_CTRL, 0).cmd = CTRL_CMD_GETFAMILY;
    request.put_text(CTRL_ATTR_FAMILY_NAME, name);
    std::optional<std::uint16_t> family;
    try {
        socket.get(attempt, request, [&](const nlmsghdr* message) {
            const Attributes attributes(message, sizeof(genlmsghdr));
            const auto bytes = attributes.bytes(CTRL_ATTR_FAMILY_ID);
            std::uint16_t number = 0;
            if (bytes.size() == sizeof number) {
                std::memcpy(&number, bytes.data(), sizeof number);
                family = number;
            }
        });
    } catch (const SysError& error) {
        if (error.error_number() != ENOENT) {
            throw;
        }
    }
    return family;
}

} // namespace netemu
