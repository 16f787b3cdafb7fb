#pragma once

#include <functional>

#include "dns/counters.h"
#include "dns/message.h"

namespace dns {

/// What is asked, apart from the client's own bytes.
struct Ask {
    Question question;
    bool dnssec_ok = false;
    bool checking_disabled = false;
    Transport transport = Transport::Udp; // the client's
};

/// Gets a response, SERVFAIL if there is none; called exactly once.
using Done = std::function<void(Message response)>;

/// Other servers that a name can be asked of.
class Upstream {
public:
    Upstream() = default;
    Upstream(const Upstream&) = delete;
    Upstream& operator=(const Upstream&) = delete;
    virtual ~Upstream() = default;

    /// `done` may be called before this returns.
    virtual void query(const Ask& ask, Done done) = 0;
    /// REFUSED answers for having too many questions at a time.
    [[nodiscard]] virtual std::uint64_t rejected() const { return 0; }
};

} // namespace dns
