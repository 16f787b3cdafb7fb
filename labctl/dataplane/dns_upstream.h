#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dns/handler.h"
#include "dns/name.h"
#include "dns/upstream.h"
#include "dns/zone_file.h"
#include "labctl/dataplane/spec.h"

namespace labctl::dataplane {

/// What the lab's own upstream answers: it plays the resolver that a node's resolv.conf names, so
/// it knows the whole world, which is the records of the lab file. It sets RA and not AA, as a
/// resolver that was asked for recursion does (RFC 1035 section 4.1.1). Names that it does not know
/// are NXDOMAIN, with the SOA of the root, unless somebody else is there to be asked.
class UpstreamZone : public dns::Handler {
public:
    using Faults = std::vector<std::pair<std::string, DnsFault>>;

    /// `zone` is a zone file of the root; a fault is that of a name and of all names below it.
    /// `world` is asked for names that the zone does not have; null: nobody is. Throws
    /// netemu::Error when one of the others makes no sense.
    UpstreamZone(
        const std::string& zone, const Faults& faults, std::shared_ptr<dns::Upstream> world);

    dns::Handled handle(
        const dns::QueryView& query,
        const dns::Client& client,
        std::span<std::uint8_t> out,
        dns::ReplyMaker& replies) override;

private:
    [[nodiscard]] DnsFault fault_of(const dns::Name& name) const;

    dns::StaticZone zone_;
    std::vector<std::pair<dns::Name, DnsFault>> faults_;
    std::shared_ptr<dns::Upstream> world_;
};

} // namespace labctl::dataplane
