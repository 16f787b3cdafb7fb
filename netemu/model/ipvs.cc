#include "netemu/model/ipvs.h"

#include <netinet/in.h>

namespace netemu {

std::string VirtualServerKey::to_string() const {
    const char* option = protocol == IPPROTO_TCP   ? "-t "
                         : protocol == IPPROTO_UDP ? "-u "
                                                   : "--sctp-service ";
    return option + address.to_string();
}

} // namespace netemu
