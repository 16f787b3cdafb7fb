#pragma once

#include <string>
#include <vector>

#include "dns/corefile.h"
#include "dns/message.h"
#include "dns/zone.h"

namespace dns {

/// The search path of a client, walked on the server (coredns plugin/autopath): the first name of
/// the path is answered with the first one that exists, behind a CNAME.
class Autopath {
public:
    /// `zone` tells a client's namespace by its address (`pods verified`).
    Autopath(
        AutopathConfig config,
        const ClusterZone& zone,
        const std::vector<std::string>& host_search);

    /// The names to try for `question` from `client`, the first being the question's own; empty if
    /// this is not the first step of a search.
    [[nodiscard]] std::vector<Name>
    candidates(const Question& question, const netemu::IpAddress& client) const;
    /// `response` to `found`, as the answer to `question`.
    static Message redirect(const Question& question, const Name& found, Message response);

private:
    AutopathConfig config_;
    const ClusterZone& zone_;
    std::vector<Name> host_search_;
};

} // namespace dns
