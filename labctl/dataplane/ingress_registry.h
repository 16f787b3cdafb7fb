#pragma once

#include <map>
#include <string>

#include "labctl/dataplane/channel.h"
#include "services/ingress.h"

namespace labctl::dataplane {

/// The supervisor's record of what Ingress controllers answer from, so that a new child can be told
/// all of it, before it gets the sockets of their pods.
class IngressRegistry {
public:
    /// The channel to the child that runs now, or nullptr. A new child is told everything.
    void set_channel(Channel* channel);
    /// What the controllers of that name answer from, from now on.
    void change(const std::string& controller, const services::IngressTable& table);

private:
    void send(const std::string& controller, const std::string& rules) const;

    Channel* channel_ = nullptr;
    std::map<std::string, std::string> rules_; // by controller, as encode_ingress_table writes them
};

} // namespace labctl::dataplane
