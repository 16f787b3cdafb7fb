#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "labctl/dataplane/probe_task.h"
#include "mesh/http/message.h"

/// One maker per scheme; ProbeTask::make chooses.
namespace labctl::dataplane {

std::unique_ptr<ProbeTask> make_tcp_probe(ProbeHost& host, ProbeJob job, netemu::UniqueFd socket);
std::unique_ptr<ProbeTask> make_udp_probe(ProbeHost& host, ProbeJob job, netemu::UniqueFd socket);
std::unique_ptr<ProbeTask> make_sctp_probe(ProbeHost& host, ProbeJob job, netemu::UniqueFd socket);
std::unique_ptr<ProbeTask> make_icmp_probe(ProbeHost& host, ProbeJob job, netemu::UniqueFd socket);
std::unique_ptr<ProbeTask> make_http_probe(ProbeHost& host, ProbeJob job, netemu::UniqueFd socket);
std::unique_ptr<ProbeTask> make_grpc_probe(ProbeHost& host, ProbeJob job, netemu::UniqueFd socket);
/// A look-up, whose payload is an encoded Lookup. The sockets are, for each of its servers, one for
/// UDP and one for TCP; `more_sockets` are those behind the first.
std::unique_ptr<ProbeTask> make_dns_probe(
    ProbeHost& host,
    ProbeJob job,
    netemu::UniqueFd socket,
    std::vector<netemu::UniqueFd> more_sockets);

/// Has closing the socket send RST instead of FIN, so that thousands of probes leave no TIME_WAIT
/// behind.
void close_with_reset(int socket);
/// Has ICMP errors of every kind reported on the socket (IP_RECVERR, ip(7)).
void report_icmp_errors(int socket, bool ipv6);

/// The errno of the first ICMP error in the socket's error queue, or 0. `packet` gets what the
/// kernel kept of our packet, from its transport header on.
int queued_icmp_error(int socket, std::string* packet = nullptr);

/// The fields of an answer, by their names in lower case; several of one name are joined.
void add_fields(const mesh::Headers& from, std::map<std::string, std::string>& to);

/// Whether `text` can be the "NS/POD" or the address that a workload says of itself: short and
/// printable.
bool is_plausible_identity(std::string_view text);

/// Notes who answered and whom it saw, as the built-in workload says it in fields of an HTTP head
/// (kBackendField, kClientField). What is not plausible is left out.
void note_identity(std::string_view backend, std::string_view client, ProbeOutcome& outcome);
/// The same for a reply that begins with such a head; nothing, if it does not hold a whole one.
void note_identity(std::string_view reply, ProbeOutcome& outcome);
/// "403", if that is what a sidecar has answered itself; "" for any other answer.
std::string sidecar_refusal(std::string_view reply);

} // namespace labctl::dataplane
