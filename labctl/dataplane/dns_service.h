#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "dns/handler.h"
#include "dns/records.h"
#include "dns/server.h"
#include "labctl/dataplane/wire.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

namespace labctl::dataplane {

/// The cluster's DNS in the child: one zone and one server for the sockets of all DNS pods. Before
/// the first complete set of records nothing is answered; a new Corefile's zone takes the place of
/// the one that answers only when it is complete. Belongs to the loop's thread.
class DnsService : public dns::Handler {
public:
    explicit DnsService(netemu::EventLoop& loop);
    DnsService(const DnsService&) = delete;
    DnsService& operator=(const DnsService&) = delete;
    ~DnsService() override;

    /// Carries out a record. False if it is none of DNS; throws netemu::Error if it makes no sense.
    bool take(Op op, WireReader& record);

    /// A bound datagram socket or a listening one of port 53 of a pod. The number takes it back.
    int add_socket(netemu::UniqueFd socket, bool tcp);
    void remove_socket(int socket);

    dns::Handled handle(
        const dns::QueryView& query,
        const dns::Client& client,
        std::span<std::uint8_t> out,
        dns::ReplyMaker& replies) override;

private:
    struct Engine; // a Corefile's resolver and its zones

    void begin();
    void synced();
    [[nodiscard]] Engine& filled(); // the one that records go to

    std::string corefile_;                     // that arrives in pieces
    std::unique_ptr<Engine> current_;          // answers
    std::unique_ptr<Engine> next_;             // is being filled
    std::optional<dns::ServiceValue> service_; // likewise
    dns::Server server_;                       // uses the others
};

} // namespace labctl::dataplane
