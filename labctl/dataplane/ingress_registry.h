#pragma once

#include <map>
#include <string>

#include "labctl/dataplane/channel.h"
#include "services/gateway.h"
#include "services/ingress.h"

namespace labctl::dataplane {

/// The supervisor's record of what Ingress controllers and Gateways answer from, so that a new
/// child can be told all of it, before it gets the sockets of their pods.
class IngressRegistry {
public:
    /// The channel to the child that runs now, or nullptr. A new child is told everything.
    void set_channel(Channel* channel);
    /// What the controllers of that name answer from, from now on.
    void change(const std::string& controller, const services::IngressTable& table);
    /// What the pods of the Gateway "NS/NAME" answer from, from now on.
    void change_gateway(const std::string& gateway, const services::GatewayTable& table);

private:
    void send(const std::string& controller, const std::string& rules) const;

    Channel* channel_ = nullptr;
    std::map<std::string, std::string> rules_; // by controller, as sent
};

} // namespace labctl::dataplane
