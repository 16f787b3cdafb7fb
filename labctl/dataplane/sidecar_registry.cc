#include "labctl/dataplane/sidecar_registry.h"

#include "labctl/dataplane/pieces.h"
#include "labctl/dataplane/sidecar_wire.h"
#include "labctl/dataplane/wire.h"

namespace labctl::dataplane {

void SidecarRegistry::set_channel(Channel* channel) {
    channel_ = channel;
    send();
}

void SidecarRegistry::change(const mesh::SidecarTable& table) {
    table_ = encode_sidecar_table(table);
    send();
}

void SidecarRegistry::send() const {
    if (channel_ == nullptr || table_.empty()) {
        return;
    }
    in_pieces(table_, [this](std::string_view piece) {
        channel_->send(WireWriter().op(Op::SidecarRulesPiece).text(piece).bytes());
    });
    channel_->send(WireWriter().op(Op::SidecarRulesEnd).bytes());
}

} // namespace labctl::dataplane
