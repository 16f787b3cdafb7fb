#include "netemu/kernel/teardown.h"

#include <array>
#include <cerrno>

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>

#include "netemu/base/error.h"
#include "netemu/kernel/namespace_scope.h"
#include "netemu/kernel/throwaway.h"

namespace netemu {

namespace {

constexpr int kWitnessIndex = 77;
constexpr int kPeerIndex = 78;

void add_witness(Batch& batch, int peer_fd) {
    batch.start<ifinfomsg>(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL).ifi_index = kWitnessIndex;
    batch.put_text(IFLA_IFNAME, "witness");
    const Batch::Nest info(batch, IFLA_LINKINFO);
    batch.put_text(IFLA_INFO_KIND, "veth");
    const Batch::Nest data(batch, IFLA_INFO_DATA);
    const Batch::Nest peer(batch, VETH_INFO_PEER);
    batch.append<ifinfomsg>().ifi_index = kPeerIndex;
    batch.put_u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(peer_fd));
}

void check_sent(const char* what, const std::vector<NetlinkFailure>& failures) {
    if (!failures.empty()) {
        throw SysError(what, failures[0].error_number, failures[0].text);
    }
}

/// Returns when every callback that RCU owed before has run: the kernel waits for them after a link
/// was deleted, before the request returns (rcu_barrier in netdev_run_todo, net/core/dev.c).
void pass_rcu_barrier(int home_fd, NetlinkSocket& route) {
    Batch create;
    add_witness(create, home_fd);
    check_sent("create a link", route.send(create));
    Batch remove;
    remove.start<ifinfomsg>(RTM_DELLINK, 0).ifi_index = kWitnessIndex;
    check_sent("delete a link", route.send(remove));
}

/// Blocks until the kernel says that the witness was deleted. The parent's deadline bounds it.
void wait_for_deletion(int events) {
    alignas(nlmsghdr) std::array<char, 8192> buffer{};
    for (;;) {
        const auto length = ::recv(events, buffer.data(), buffer.size(), 0);
        if (length < 0 && (errno == EINTR || errno == ENOBUFS)) {
            continue;
        }
        check_syscall("receive link events", static_cast<int>(length));
        auto rest = static_cast<int>(length);
        const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
        for (; mnl_nlmsg_ok(message, rest); message = mnl_nlmsg_next(message, &rest)) {
            const auto* link = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message));
            if (message->nlmsg_type == RTM_DELLINK && link->ifi_index == kWitnessIndex) {
                return;
            }
        }
    }
}

void outlive_one_witness(int home_fd, NetlinkSocket& route, int events) {
    {
        NamespaceScope scope(home_fd);
        const FreshNamespace dying = scope.create();
        scope.leave();
        Batch batch;
        add_witness(batch, dying.fd.get());
        check_sent("create a witness", route.send(batch));
    }
    wait_for_deletion(events);
}

std::string watch() {
    if (isolate() != 0) {
        return "refused";
    }
    const UniqueFd home = current_namespace();
    NetlinkSocket route(NETLINK_ROUTE);
    pass_rcu_barrier(home.get(), route);
    const NetlinkSocket events(NETLINK_ROUTE);
    sockaddr_nl groups{};
    groups.nl_family = AF_NETLINK;
    groups.nl_groups = RTMGRP_LINK;
    check_syscall(
        "listen to link events",
        ::bind(events.fd(), reinterpret_cast<const sockaddr*>(&groups), sizeof groups));
    outlive_one_witness(home.get(), route, events.fd());
    outlive_one_witness(home.get(), route, events.fd());
    return "gone";
}

} // namespace

bool wait_for_dead_namespaces(Clock::time_point deadline) {
    return run_in_child(watch, deadline) == "gone";
}

} // namespace netemu
