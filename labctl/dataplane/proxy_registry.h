#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "labctl/dataplane/channel.h"
#include "labctl/dataplane/client.h"
#include "labctl/dataplane/proxy_spec.h"
#include "labctl/dataplane/wire.h"

namespace labctl::dataplane {

/// Proxies that are gone, of which we still know.
inline constexpr std::size_t kProxiesRetiredMax = 20000;

/// The supervisor's record of the sockets of the userspace proxies. It keeps each one, so that a
/// new child can take over, and makes the sockets of their connections to endpoints: these have to
/// be the node's, and the child can make none.
class ProxyRegistry {
public:
    explicit ProxyRegistry(SocketFactory open_socket) : open_socket_(std::move(open_socket)) {}

    /// The channel to the child that runs now, or nullptr. A new child is told of every socket.
    void set_channel(Channel* channel);

    /// Opens sockets that are new, and tells of endpoints that have changed. Throws netemu::Error
    /// if a socket cannot be made.
    void serve(const std::vector<ProxySpec>& proxies);
    /// Closes the sockets of all but these. Connections that they have accepted live on.
    void keep_only(const std::vector<ProxySpec>& proxies);

    /// Asks the child whom its proxies remember, and calls back once; with nobody if the child ends
    /// meanwhile, or there is none: what it remembers is lost with it.
    void clients(DataPlane::ProxyClientsCallback callback);
    /// Takes the fields of a Clients record of the child. Throws netemu::Error if they are
    /// nonsense.
    void clients_arrived(WireReader& record);

    /// Takes the fields of a NeedSocket record of the child, and answers it.
    void need_socket(WireReader& record);

private:
    struct Served {
        ProxySpec spec;
        std::uint32_t id = 0;
        netemu::UniqueFd socket;
    };

    /// What a socket to an endpoint has to be.
    struct Maker {
        std::string ns_name;
        int domain = 0;
        int type = 0;
    };

    /// Somebody who wants to know the clients, and those that are here already.
    struct Question {
        DataPlane::ProxyClientsCallback answer;
        std::vector<ProxyClient> clients;
    };

    void announce(const Served& proxy) const;
    void send_endpoints(const Served& proxy) const;
    void forget_retired();

    SocketFactory open_socket_;
    Channel* channel_ = nullptr;
    std::map<std::string, Served> proxies_; // by key
    /// By id; of proxies that are gone, too, since connections that they accepted live on.
    std::map<std::uint32_t, Maker> makers_;
    std::uint32_t next_id_ = 1;
    std::map<std::uint32_t, Question> questions_; // by request
    std::uint32_t next_question_ = 1;
};

} // namespace labctl::dataplane
