#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dns/changes.h"
#include "labctl/dataplane/spec.h"
#include "labctl/dataplane/wire.h"

/// The cluster's DNS on the workload channel: values as records and back.
namespace labctl::dataplane {

/// The records that set a Service: in one piece that may be split over messages after each element,
/// as a Service may have more endpoints than a message has room.
std::vector<std::string> encode_dns_service(const dns::ServiceValue& service);
std::string encode_dns_service_gone(const std::string& ns, const std::string& name);
/// With the files that it reads, by path. Ends with DnsBegin.
std::vector<std::string>
encode_corefile(const std::string& text, const std::map<std::string, std::string>& files);
std::string encode_dns_namespace(Op op, const std::string& name);
/// That pod `id` is a DNS server, in pieces that each fit into a message.
std::vector<std::string> encode_dns_serving(std::uint32_t id, const DnsServing& serving);
std::string encode_dns_pod(Op op, const dns::ZoneChanges::PodAddress& pod);

/// The fields of the records, behind the op. Each throws netemu::Error when cut short.
dns::ServiceValue read_dns_service(WireReader& record);
dns::SliceValue read_dns_slice(WireReader& record);
std::pair<std::string, std::string> read_dns_service_gone(WireReader& record);
/// Without zone and faults, which come in records of their own.
DnsServing read_dns_serving(WireReader& record);
dns::ZoneChanges::PodAddress read_dns_pod(WireReader& record);

} // namespace labctl::dataplane
