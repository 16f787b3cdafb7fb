/// The floor: what the kernel alone needs for a cluster's network. It makes the kernel objects of a
/// lab of profile `bridge` (underlay segment, external host, nodes with bridge and VXLAN mesh, pods
/// with permanent neighbours) with hand-rolled netlink messages and nothing else: no names kept, no
/// plan, no error text. It prints one JSON line. `namespaces_ms` runs until the namespaces are
/// there, still empty; `up_ms` until the last message was answered; `down_ms` from the moment the
/// last descriptor is closed until the kernel has freed every namespace (netemu/kernel/teardown.h
/// says how that is known). Usage: bench_floor [--nodes N] [--pods N] [--listen] [--delete]
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netemu/kernel/teardown.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kUnderlay = 0xAC120000; // 172.18.0.0/16
constexpr std::uint32_t kPods = 0x0AF40000;     // 10.244.0.0/16
constexpr int kEth0 = 2;
constexpr int kCni0 = 3;
constexpr int kVxlan = 4;
constexpr int kFirstPort = 10;
constexpr std::uint32_t kOverlayMtu = 1450;

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::exit(5);
}

struct Space {
    int fd = -1;
    int route = -1;
};

/// One buffer of netlink messages.
class Messages {
public:
    template <class Header>
    Header& start(std::uint16_t type, std::uint16_t flags) {
        message_ = size_;
        size_ += NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(Header));
        std::memset(buffer_ + message_, 0, size_ - message_);
        nlmsghdr& header = *reinterpret_cast<nlmsghdr*>(buffer_ + message_);
        header.nlmsg_type = type;
        header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
        header.nlmsg_len = static_cast<std::uint32_t>(size_ - message_);
        return *reinterpret_cast<Header*>(buffer_ + message_ + NLMSG_HDRLEN);
    }
    void put(int type, const void* data, std::size_t length) {
        auto& attribute = *reinterpret_cast<nlattr*>(buffer_ + size_);
        attribute.nla_type = static_cast<std::uint16_t>(type);
        attribute.nla_len = static_cast<std::uint16_t>(NLA_HDRLEN + length);
        if (length > 0) {
            std::memcpy(buffer_ + size_ + NLA_HDRLEN, data, length);
        }
        size_ += NLA_ALIGN(NLA_HDRLEN + length);
        reinterpret_cast<nlmsghdr*>(buffer_ + message_)->nlmsg_len =
            static_cast<std::uint32_t>(size_ - message_);
    }
    template <class T>
    void value(int type, T value) {
        put(type, &value, sizeof value);
    }
    void text(int type, const char* text) { put(type, text, std::strlen(text) + 1); }
    std::size_t open(int type) {
        const std::size_t at = size_;
        put(type, nullptr, 0);
        return at;
    }
    void close(std::size_t at) {
        reinterpret_cast<nlattr*>(buffer_ + at)->nla_len = static_cast<std::uint16_t>(size_ - at);
    }
    template <class T>
    T& append() { // a plain structure inside a nest (the peer's ifinfomsg)
        std::memset(buffer_ + size_, 0, sizeof(T));
        auto& result = *reinterpret_cast<T*>(buffer_ + size_);
        size_ += NLMSG_ALIGN(sizeof(T));
        reinterpret_cast<nlmsghdr*>(buffer_ + message_)->nlmsg_len =
            static_cast<std::uint32_t>(size_ - message_);
        return result;
    }
    void send(int socket) {
        if (size_ == 0) {
            return;
        }
        if (::send(socket, buffer_, size_, 0) < 0) {
            die("send");
        }
        size_ = 0;
        receive(socket);
    }
    [[nodiscard]] std::size_t size() const { return size_; }

private:
    static void receive(int socket) {
        alignas(nlmsghdr) static char answer[32768];
        for (;;) {
            const ssize_t length = ::recv(socket, answer, sizeof answer, MSG_DONTWAIT);
            if (length < 0) {
                return;
            }
            const auto& header = *reinterpret_cast<const nlmsghdr*>(answer);
            if (header.nlmsg_type == NLMSG_ERROR) {
                errno = -reinterpret_cast<const nlmsgerr*>(answer + NLMSG_HDRLEN)->error;
                die("a netlink request");
            }
        }
    }
    std::size_t size_ = 0;
    std::size_t message_ = 0;
    alignas(nlmsghdr) char buffer_[1U << 17U];
};

Messages messages;

struct Mac {
    std::uint8_t bytes[6];
};

Mac mac_for(std::uint32_t ip) {
    return {
        {0x0A,
         0x58,
         static_cast<std::uint8_t>(ip >> 24U),
         static_cast<std::uint8_t>(ip >> 16U),
         static_cast<std::uint8_t>(ip >> 8U),
         static_cast<std::uint8_t>(ip)}};
}

Space make_namespace() {
    if (::unshare(CLONE_NEWNET) < 0) {
        die("unshare");
    }
    Space space;
    space.route = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    space.fd = ::ioctl(space.route, SIOCGSKNS);
    if (space.fd < 0) {
        die("SIOCGSKNS");
    }
    return space;
}

void write_sysctl(const char* path, const char* value) {
    const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || ::write(fd, value, std::strlen(value)) < 0) {
        die(path);
    }
    ::close(fd);
}

void link_common(const char* name, Mac mac, std::uint32_t mtu, int master) {
    messages.text(IFLA_IFNAME, name);
    messages.value(IFLA_ADDRESS, mac);
    messages.value(IFLA_MTU, mtu);
    if (master != 0) {
        messages.value(IFLA_MASTER, master);
    }
}

ifinfomsg& start_link(int index, bool up) {
    auto& link = messages.start<ifinfomsg>(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
    link.ifi_index = index;
    if (up) {
        link.ifi_flags = link.ifi_change = IFF_UP;
    }
    return link;
}

void bridge(int index, const char* name, std::uint32_t ip, std::uint32_t mtu) {
    start_link(index, true);
    link_common(name, mac_for(ip), mtu, 0);
    const auto info = messages.open(IFLA_LINKINFO);
    messages.text(IFLA_INFO_KIND, "bridge");
    const auto data = messages.open(IFLA_INFO_DATA);
    messages.value<std::uint32_t>(IFLA_BR_FORWARD_DELAY, 0);
    messages.value<std::uint32_t>(IFLA_BR_STP_STATE, 0);
    messages.value<std::uint8_t>(IFLA_BR_MCAST_SNOOPING, 0);
    messages.close(data);
    messages.close(info);
}

struct Veth {
    int index;
    const char* name;
    std::uint32_t mtu;
    int master;
    int peer_fd;
    std::uint32_t peer_ip;
};

void veth(const Veth& pair) {
    start_link(pair.index, true);
    Mac outer = mac_for(pair.peer_ip);
    outer.bytes[1] = 0x59; // a port with its peer's own address would swallow its frames
    link_common(pair.name, outer, pair.mtu, pair.master);
    messages.value<std::uint32_t>(IFLA_NUM_TX_QUEUES, 1);
    messages.value<std::uint32_t>(IFLA_NUM_RX_QUEUES, 1);
    const auto info = messages.open(IFLA_LINKINFO);
    messages.text(IFLA_INFO_KIND, "veth");
    const auto data = messages.open(IFLA_INFO_DATA);
    const auto peer = messages.open(VETH_INFO_PEER);
    messages.append<ifinfomsg>().ifi_index = kEth0;
    link_common("eth0", mac_for(pair.peer_ip), pair.mtu, 0);
    messages.value<std::uint32_t>(IFLA_NUM_TX_QUEUES, 1);
    messages.value<std::uint32_t>(IFLA_NUM_RX_QUEUES, 1);
    messages.value(IFLA_NET_NS_FD, pair.peer_fd);
    messages.close(peer);
    messages.close(data);
    messages.close(info);
}

void vxlan(std::uint32_t node_ip, std::uint32_t vtep_ip) {
    start_link(kVxlan, true);
    link_common("vxlan1", mac_for(vtep_ip), kOverlayMtu, 0);
    const auto info = messages.open(IFLA_LINKINFO);
    messages.text(IFLA_INFO_KIND, "vxlan");
    const auto data = messages.open(IFLA_INFO_DATA);
    messages.value<std::uint32_t>(IFLA_VXLAN_ID, 1);
    messages.value<std::uint32_t>(IFLA_VXLAN_LINK, kEth0);
    messages.value(IFLA_VXLAN_LOCAL, htonl(node_ip));
    messages.value(IFLA_VXLAN_PORT, htons(4789));
    messages.value<std::uint8_t>(IFLA_VXLAN_LEARNING, 0);
    messages.close(data);
    messages.close(info);
}

/// lo up, no link-local addresses on eth0, eth0 up.
void ends_up() {
    auto& lo = messages.start<ifinfomsg>(RTM_NEWLINK, 0);
    lo.ifi_index = 1;
    lo.ifi_flags = lo.ifi_change = IFF_UP;
    messages.start<ifinfomsg>(RTM_NEWLINK, 0).ifi_index = kEth0;
    const auto specification = messages.open(IFLA_AF_SPEC);
    const auto inet6 = messages.open(AF_INET6);
    messages.value<std::uint8_t>(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
    messages.close(inet6);
    messages.close(specification);
    auto& eth0 = messages.start<ifinfomsg>(RTM_NEWLINK, 0);
    eth0.ifi_index = kEth0;
    eth0.ifi_flags = eth0.ifi_change = IFF_UP;
}

void address(int link, std::uint32_t ip, std::uint8_t length) {
    auto& header = messages.start<ifaddrmsg>(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
    header.ifa_family = AF_INET;
    header.ifa_prefixlen = length;
    header.ifa_index = static_cast<std::uint32_t>(link);
    messages.value(IFA_LOCAL, htonl(ip));
    messages.value(IFA_ADDRESS, htonl(ip));
}

void route(int link, std::uint32_t to, std::uint8_t length, std::uint32_t via, unsigned flags) {
    auto& header = messages.start<rtmsg>(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
    header.rtm_family = AF_INET;
    header.rtm_dst_len = length;
    header.rtm_table = RT_TABLE_MAIN;
    header.rtm_protocol = RTPROT_BOOT;
    header.rtm_type = RTN_UNICAST;
    header.rtm_flags = flags;
    if (length > 0) {
        messages.value(RTA_DST, htonl(to));
    }
    messages.value(RTA_GATEWAY, htonl(via));
    messages.value(RTA_OIF, link);
}

void neighbour(int link, std::uint32_t ip) {
    auto& header = messages.start<ndmsg>(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
    header.ndm_family = AF_INET;
    header.ndm_ifindex = link;
    header.ndm_state = NUD_PERMANENT;
    messages.value(NDA_DST, htonl(ip));
    messages.value(NDA_LLADDR, mac_for(ip));
}

void fdb(int link, std::uint32_t vtep_ip, std::uint32_t node_ip) {
    auto& header = messages.start<ndmsg>(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
    header.ndm_family = AF_BRIDGE;
    header.ndm_ifindex = link;
    header.ndm_state = NUD_PERMANENT;
    header.ndm_flags = NTF_SELF;
    messages.value(NDA_LLADDR, mac_for(vtep_ip));
    messages.value(NDA_DST, htonl(node_ip));
}

/// Asking for a link makes the kernel handle its pending carrier event now.
void settle(int socket, int first, int count) {
    for (int index = first; index < first + count; ++index) {
        messages.start<ifinfomsg>(RTM_GETLINK, 0).ifi_index = index;
        messages.value<std::uint32_t>(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        if ((index - first) % 32 == 31) {
            messages.send(socket);
        }
    }
    messages.send(socket);
}

int listener(int pod_fd, int home) {
    if (::setns(pod_fd, CLONE_NEWNET) < 0) {
        die("setns");
    }
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_port = htons(8080);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof any) < 0 ||
        ::listen(fd, 16) < 0 || ::setns(home, CLONE_NEWNET) < 0) {
        die("listen");
    }
    return fd;
}

struct Options {
    int nodes = 20;
    int pods = 1000;
    bool listen = false;
    bool remove = false;
};

struct Lab {
    Options options;
    int home = -1;
    Space underlay, external;
    std::vector<Space> nodes, pods;
    std::vector<int> listeners;

    [[nodiscard]] int pods_of(int node) const {
        return options.pods / options.nodes + (node < options.pods % options.nodes ? 1 : 0);
    }
};

std::uint32_t node_ip(int node) {
    return kUnderlay + 2 + static_cast<std::uint32_t>(node);
}
std::uint32_t node_range(int node) {
    return kPods + (static_cast<std::uint32_t>(node + 1) << 8U);
}

void make_namespaces(Lab& lab) {
    lab.underlay = make_namespace();
    write_sysctl("/proc/sys/net/ipv6/conf/default/addr_gen_mode", "1");
    lab.external = make_namespace();
    for (int node = 0; node < lab.options.nodes; ++node) {
        lab.nodes.push_back(make_namespace());
        write_sysctl("/proc/sys/net/ipv6/conf/default/addr_gen_mode", "1");
        write_sysctl("/proc/sys/net/ipv4/ip_forward", "1");
    }
    for (int pod = 0; pod < lab.options.pods; ++pod) {
        lab.pods.push_back(make_namespace());
    }
    if (::setns(lab.home, CLONE_NEWNET) < 0) {
        die("setns");
    }
}

void make_underlay(const Lab& lab) {
    bridge(kCni0, "br0", kUnderlay, 1500);
    veth({kFirstPort, "external", 1500, kCni0, lab.external.fd, kUnderlay + 1});
    for (int node = 0; node < lab.options.nodes; ++node) {
        char name[IFNAMSIZ];
        (void)std::snprintf(name, sizeof name, "node%d", node);
        veth(
            {kFirstPort + 1 + node,
             name,
             1500,
             kCni0,
             lab.nodes[static_cast<std::size_t>(node)].fd,
             node_ip(node)});
    }
    messages.send(lab.underlay.route);
}

void make_segment_member(const Lab& lab, std::uint32_t ip, std::uint32_t gateway) {
    ends_up();
    address(kEth0, ip, 16);
    route(kEth0, 0, 0, gateway, 0);
    for (int peer = -1; peer < lab.options.nodes; ++peer) {
        if (node_ip(peer) != ip) {
            neighbour(kEth0, node_ip(peer));
        }
    }
}

void make_node(const Lab& lab, int node, std::size_t first_pod) {
    make_segment_member(lab, node_ip(node), kUnderlay + 1);
    const std::uint32_t range = node_range(node);
    bridge(kCni0, "cni0", range + 1, kOverlayMtu);
    vxlan(node_ip(node), range);
    address(kCni0, range + 1, 24);
    address(kVxlan, range, 32);
    for (int peer = 0; peer < lab.options.nodes; ++peer) {
        if (peer != node) {
            neighbour(kVxlan, node_range(peer));
            fdb(kVxlan, node_range(peer), node_ip(peer));
            route(kVxlan, node_range(peer), 24, node_range(peer), RTNH_F_ONLINK);
        }
    }
    for (int pod = 0; pod < lab.pods_of(node); ++pod) {
        const auto ip = range + 2 + static_cast<std::uint32_t>(pod);
        const auto number = first_pod + static_cast<std::size_t>(pod);
        char name[IFNAMSIZ];
        (void)std::snprintf(name, sizeof name, "veth%08x", ip);
        veth({kFirstPort + pod, name, kOverlayMtu, kCni0, lab.pods[number].fd, ip});
        if (messages.size() > 48U << 10U) {
            messages.send(lab.nodes[static_cast<std::size_t>(node)].route);
        }
    }
    for (int pod = 0; pod < lab.pods_of(node); ++pod) {
        neighbour(kCni0, range + 2 + static_cast<std::uint32_t>(pod));
    }
    messages.send(lab.nodes[static_cast<std::size_t>(node)].route);
}

void make_pod(const Lab& lab, int node, int pod, const Space& space) {
    const std::uint32_t range = node_range(node);
    ends_up();
    address(kEth0, range + 2 + static_cast<std::uint32_t>(pod), 24);
    route(kEth0, 0, 0, range + 1, 0);
    for (int peer = -1; peer < lab.pods_of(node); ++peer) {
        neighbour(kEth0, range + 2 + static_cast<std::uint32_t>(peer));
    }
    messages.send(space.route);
}

void up(Lab& lab) {
    make_underlay(lab);
    make_segment_member(lab, kUnderlay + 1, node_ip(0));
    messages.send(lab.external.route);
    std::size_t first = 0;
    for (int node = 0; node < lab.options.nodes; ++node) {
        make_node(lab, node, first);
        for (int pod = 0; pod < lab.pods_of(node); ++pod) {
            make_pod(lab, node, pod, lab.pods[first + static_cast<std::size_t>(pod)]);
        }
        first += static_cast<std::size_t>(lab.pods_of(node));
    }
    settle(lab.underlay.route, kFirstPort, lab.options.nodes + 1);
    for (int node = 0; node < lab.options.nodes; ++node) {
        const int socket = lab.nodes[static_cast<std::size_t>(node)].route;
        settle(socket, kFirstPort, lab.pods_of(node));
        settle(socket, kCni0, 1);
    }
    for (const Space& pod : lab.pods) {
        ::close(pod.route);
        if (lab.options.listen) {
            lab.listeners.push_back(listener(pod.fd, lab.home));
        }
    }
}

void down(Lab& lab) {
    for (const int fd : lab.listeners) {
        ::close(fd);
    }
    for (const Space& pod : lab.pods) {
        ::close(pod.fd);
    }
    for (const Space& node : lab.nodes) {
        ::close(node.route);
        ::close(node.fd);
    }
    for (const Space& space : {lab.underlay, lab.external}) {
        ::close(space.route);
        ::close(space.fd);
    }
    if (!netemu::wait_for_dead_namespaces(Clock::now() + std::chrono::minutes(2))) {
        die("the namespaces are still there");
    }
}

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--nodes" && i + 1 < argc) {
            options.nodes = std::atoi(argv[++i]);
        } else if (word == "--pods" && i + 1 < argc) {
            options.pods = std::atoi(argv[++i]);
        } else if (word == "--listen") {
            options.listen = true;
        } else if (word == "--delete") {
            options.remove = true;
        } else {
            (void)std::fputs(
                "usage: bench_floor [--nodes N] [--pods N] [--listen] [--delete]\n", stderr);
            std::exit(2);
        }
    }
    if (options.nodes < 1 || options.nodes > 250 || options.pods < 0 ||
        options.pods > options.nodes * 250) {
        (void)std::fputs("bench_floor: 1 to 250 nodes, at most 250 pods on each\n", stderr);
        std::exit(2);
    }
    return options;
}

double ms_since(Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

void become_able() {
    rlimit files{};
    (void)::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &files);
    if (::geteuid() != 0 && ::unshare(CLONE_NEWUSER) < 0) {
        die("unshare a user namespace");
    }
    if (::unshare(CLONE_NEWNET) < 0) {
        die("unshare a network namespace");
    }
}

} // namespace

int main(int argc, char** argv) {
    Lab lab;
    lab.options = parse(argc, argv);
    become_able();
    lab.home = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    const auto start = Clock::now();
    make_namespaces(lab);
    const double namespaces_ms = ms_since(start);
    up(lab);
    const double up_ms = ms_since(start);
    double down_ms = 0;
    if (lab.options.remove) {
        const auto begin = Clock::now();
        down(lab);
        down_ms = ms_since(begin);
    }
    (void)std::printf(
        "{\"program\": \"floor\", \"nodes\": %d, \"pods\": %d, \"namespaces_ms\": %.1f, "
        "\"up_ms\": %.1f",
        lab.options.nodes,
        lab.options.pods,
        namespaces_ms,
        up_ms);
    if (lab.options.remove) {
        (void)std::printf(", \"down_ms\": %.1f", down_ms);
    }
    (void)std::puts("}");
    return 0;
}
