#include "labctl/dataplane/drop_notice.h"

#include <algorithm>

namespace labctl::dataplane {

bool DropNotice::was_sent_to(const netemu::Endpoint& remote) const {
    return remote == destination ||
           std::any_of(fronts.begin(), fronts.end(), [&remote](const auto& front) {
               return front.port == remote.port &&
                      (front.address == remote.address || front.address.is_unspecified());
           });
}

} // namespace labctl::dataplane
