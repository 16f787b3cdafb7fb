#include "labctl/supervisor/terminations.h"

#include "labctl/compile/pod_termination.h"

namespace labctl::supervisor {

Terminations::Terminations(netemu::EventLoop& loop, Tell tell, Ended ended)
    : loop_(loop), tell_(std::move(tell)), ended_(std::move(ended)) {
}

Terminations::~Terminations() {
    while (!endings_.empty()) {
        forget(endings_.begin()->first);
    }
}

void Terminations::follow(const api::Object& pod, bool process) {
    const auto key = pod.key();
    const auto grace = api::int_at(pod.body, "metadata.deletionGracePeriodSeconds", 0);
    const auto [found, is_new] = endings_.try_emplace(key);
    auto& ending = found->second;
    if (!is_new && ending.grace_s == grace) {
        return;
    }
    ending.uid = pod.uid();
    ending.grace_s = grace;
    loop_.cancel(ending.grace_timer);
    ending.grace_timer = loop_.after(std::chrono::seconds(grace), [this, key] { ended(key); });
    if (!is_new) {
        return;
    }
    const auto plan = compile::termination_of(pod.body, process);
    ending.tell_timer = loop_.after(plan.pre_stop, [this, key] { tell(key); });
    if (plan.work) {
        ending.own_end_timer = loop_.after(plan.pre_stop + *plan.work, [this, key] { ended(key); });
    }
}

void Terminations::tell(const api::ObjectKey& pod) {
    const auto key = pod; // NOLINT(performance-unnecessary-copy-initialization): the caller's goes
                          // with its timer
    endings_.at(key).told = true;
    tell_(key);
}

bool Terminations::told_to_end(const api::ObjectKey& pod) const {
    const auto found = endings_.find(pod);
    return found != endings_.end() && found->second.told;
}

void Terminations::ended(const api::ObjectKey& pod) {
    const auto key = pod; // NOLINT(performance-unnecessary-copy-initialization): the caller's goes
                          // with its timer
    const auto found = endings_.find(key);
    if (found != endings_.end()) {
        const auto uid = found->second.uid;
        ended_(key, uid);
    }
}

void Terminations::forget(const api::ObjectKey& pod) {
    const auto found = endings_.find(pod);
    if (found == endings_.end()) {
        return;
    }
    for (const auto timer :
         {found->second.tell_timer, found->second.own_end_timer, found->second.grace_timer}) {
        loop_.cancel(timer);
    }
    endings_.erase(found);
}

} // namespace labctl::supervisor
