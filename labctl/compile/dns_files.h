#pragma once

#include <map>
#include <string>

#include "dns/corefile.h"
#include "labctl/api/object.h"
#include "labctl/store/store.h"

/// The files that a Corefile reads, as the coredns pods find them: keys of their ConfigMap. Pure.
namespace labctl::compile {

struct DnsFiles {
    std::map<std::string, std::string> texts; // by path
    std::string warning; // "Corefile:LINE: ...", of a hosts file that is not there; or empty
};

/// Of the plugins `file` and `hosts`. A key is mounted by the Deployment kube-system/coredns:
/// beside the Corefile, and only if the volume's `items`, where it has some, name it. Zones are
/// read to see whether they can be. Throws netemu::UsageError, beginning with "Corefile:LINE: " for
/// a zone file that is not there, and with "KEY:LINE: " for what is wrong in one. /etc/hosts is
/// empty.
[[nodiscard]] DnsFiles read_dns_files(
    const store::Store& store, const dns::Corefile& corefile, const api::Object& config_map);

} // namespace labctl::compile
