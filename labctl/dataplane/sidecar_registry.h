#pragma once

#include <string>

#include "labctl/dataplane/channel.h"
#include "mesh/sidecar/table.h"

namespace labctl::dataplane {

/// The supervisor's record of what sidecars go by, so that a new child can be told all of it,
/// before it gets the sockets of their pods.
class SidecarRegistry {
public:
    /// The channel to the child that runs now, or nullptr. A new child is told everything.
    void set_channel(Channel* channel);
    /// What all sidecars go by, from now on.
    void change(const mesh::SidecarTable& table);

private:
    void send() const;

    Channel* channel_ = nullptr;
    std::string table_; // as encode_sidecar_table writes it; "": there has been none
};

} // namespace labctl::dataplane
