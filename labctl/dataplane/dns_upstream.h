#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dns/handler.h"
#include "dns/name.h"
#include "dns/zone_file.h"
#include "labctl/dataplane/spec.h"

namespace labctl::dataplane {

/// What the lab's own upstream answers: it plays the resolver that a node's resolv.conf names, so
/// it knows the whole world, which is the records of the lab file. It sets RA and not AA, as a
/// resolver that was asked for recursion does (RFC 1035 section 4.1.1). Names that it does not know
/// are NXDOMAIN, with the SOA of the root.
class UpstreamZone : public dns::Handler {
public:
    using Faults = std::vector<std::pair<std::string, DnsFault>>;

    /// `zone` is a zone file of the root; a fault is that of a name and of all names below it.
    /// Throws netemu::Error when one makes no sense.
    UpstreamZone(const std::string& zone, const Faults& faults);

    dns::Handled handle(
        const dns::QueryView& query,
        const dns::Client& client,
        std::span<std::uint8_t> out,
        dns::ReplyMaker& replies) override;

private:
    [[nodiscard]] DnsFault fault_of(const dns::Name& name) const;

    dns::StaticZone zone_;
    std::vector<std::pair<dns::Name, DnsFault>> faults_;
};

} // namespace labctl::dataplane
