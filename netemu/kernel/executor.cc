#include "netemu/kernel/executor.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <limits>
#include <thread>

#include "netemu/base/error.h"
#include "netemu/kernel/address_codec.h"
#include "netemu/kernel/failure.h"
#include "netemu/kernel/fdb_codec.h"
#include "netemu/kernel/link_codec.h"
#include "netemu/kernel/neighbour_codec.h"
#include "netemu/kernel/nft_codec.h"
#include "netemu/kernel/nft_tables.h"
#include "netemu/kernel/route_codec.h"
#include "netemu/kernel/sysctl.h"

namespace netemu {

namespace {

constexpr std::size_t kProgressEvery = 64;   // operations
constexpr std::size_t kAnswersPerBatch = 32; // what a socket's receive buffer surely holds

constexpr std::array kGone{ENODEV, ENXIO, ESRCH, ENOENT, EADDRNOTAVAIL};
constexpr std::array kNoSuchFile{ENOENT};

// A transaction of the kernel gets slower with its own size: lists that it walks for each new
// object.
constexpr std::size_t kMessagesPerTransaction = 2000;
constexpr std::size_t kUnlimited = std::numeric_limits<std::size_t>::max();

const SysctlSpec kNoLinkLocal{"net/ipv6/conf/default/addr_gen_mode", "1"};

} // namespace

Executor::Executor(NamespaceTable& table, const Plan& plan, const Kernel::Progress& progress)
    : table_(table), plan_(plan), progress_(progress), scope_(table.home()) {
}

void Executor::run() {
    try {
        while (at_ < plan_.operations.size()) {
            const Operation& operation = plan_.operations[at_];
            batch_.set_origin({at_, {}});
            if (std::holds_alternative<DeleteLink>(operation)) {
                at_ = delete_links(at_);
            } else {
                std::visit(*this, operation);
                ++at_;
            }
            report(false);
        }
        flush();
        join_taps();
        tune_tunnels();
        settle(ports_);
        settle(bridges_);
        await_addresses();
        open_sessions();
    } catch (const SysError&) {
        throw; // it names the operation
    } catch (const UnsupportedError&) {
        throw;
    } catch (Error& error) {
        if (at_ < plan_.operations.size()) {
            error.add_context(describe(plan_.operations[at_]));
        }
        throw;
    }
    scope_.leave();
    report(true);
}

void Executor::report(bool last) {
    if (progress_ && (last || at_ % kProgressEvery == 0)) {
        scope_.leave();
        progress_(at_);
    }
}

LiveNamespace& Executor::go_to(const std::string& ns) {
    if (current_ == nullptr || current_name_ != ns) {
        flush();
        current_ = &table_.at(ns);
        current_name_ = ns;
    }
    return *current_;
}

void Executor::flush() {
    if (current_ == nullptr) {
        return; // nothing was collected
    }
    if (!batch_.empty()) {
        const auto failures = table_.route(*current_).send(batch_);
        if (!failures.empty()) {
            check(batch_, failures);
        }
        batch_.clear();
    }
    if (!servers_.empty()) {
        const auto failures = table_.ipvs(*current_).send(servers_);
        if (!failures.empty()) {
            check(servers_, failures);
        }
        servers_.clear();
    }
    if (!wireguard_.empty()) {
        const auto failures = table_.wireguard(*current_).send(wireguard_);
        if (!failures.empty()) {
            check(wireguard_, failures);
        }
        wireguard_.clear();
    }
}

void Executor::check(const Batch& batch, const std::vector<NetlinkFailure>& failures) {
    for (const NetlinkFailure& failure : failures) {
        const Origin& origin = batch.origin_of(failure.sequence);
        const auto& tolerated = origin.tolerated;
        if (std::find(tolerated.begin(), tolerated.end(), failure.error_number) ==
            tolerated.end()) {
            current_->link_indices.clear(); // who knows what is there now
            throw_failure(plan_.operations[origin.operation], failure);
        }
    }
}

void Executor::tolerate_absence() {
    batch_.set_origin({at_, kGone});
}

std::optional<std::uint32_t>
Executor::index_if_there(const std::string& ns, const std::string& link) {
    return table_.find_index(go_to(ns), link);
}

void Executor::operator()(const CreateNamespace& operation) {
    flush();
    try {
        FreshNamespace fresh = scope_.create();
        if (operation.role != NamespaceRole::Pod) {
            // Their links come up as they are made, too late to say so link by link: no link-local
            // addresses that nobody asked for, with all the traffic that each brings.
            write_sysctl(kNoLinkLocal, kNoSuchFile);
        }
        for (const SysctlSpec& sysctl : operation.sysctls) {
            write_sysctl(sysctl);
        }
        table_.add(operation.ns, operation.role, std::move(fresh));
    } catch (Error& error) {
        error.add_context(operation.ns);
        throw;
    }
}

void Executor::operator()(const DeleteNamespace& operation) {
    flush();
    current_ = nullptr;
    (void)table_.at(operation.ns);
    table_.remove(operation.ns);
}

void Executor::settle(const std::vector<Port>& ports) {
    for (const Port& port : ports) {
        if (!table_.contains(port.ns)) {
            continue; // deleted by the same plan
        }
        go_to(port.ns);
        tolerate_absence();
        encode_get_link(batch_, port.index);
        if (batch_.messages() >= kAnswersPerBatch) {
            flush();
        }
    }
    flush();
}

void Executor::await_addresses() {
    constexpr auto kPatience = std::chrono::seconds(1);
    constexpr auto kPause = std::chrono::microseconds(500);
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    for (const Added& added : addresses_) {
        while (table_.contains(added.ns) && !is_local(added.ns, added.address)) {
            if (std::chrono::steady_clock::now() >= deadline) {
                return;
            }
            std::this_thread::sleep_for(kPause);
        }
    }
}

bool Executor::is_local(const std::string& ns, const IpAddress& address) {
    bool local = false;
    LiveNamespace& live = go_to(ns);
    encode_get_route(batch_, address);
    try {
        table_.route(live).get("look up a route", batch_, [&](const nlmsghdr* message) {
            local = is_local_route(message);
        });
    } catch (const SysError&) {
        return false; // there is no route at all
    }
    return local;
}

void Executor::operator()(const AddAddress& operation) {
    LiveNamespace& ns = go_to(operation.ns);
    encode_add_address(batch_, {table_.index_of(ns, operation.link), operation.address});
    static const IpPrefix kLinkLocal = *IpPrefix::parse("fe80::/10");
    // Link-local ones cannot be looked up without a device, and have company that can.
    if (operation.address.address.is_v6() && !kLinkLocal.contains(operation.address.address)) {
        addresses_.push_back({operation.ns, operation.address.address});
    }
}

void Executor::operator()(const DeleteAddress& operation) {
    tolerate_absence();
    if (const auto index = index_if_there(operation.ns, operation.link)) {
        encode_delete_address(batch_, {*index, operation.address});
    }
}

void Executor::operator()(const AddRoute& operation) {
    const RouteSpec& route = operation.route;
    LiveNamespace& ns = go_to(operation.ns);
    const auto index = route.is_blackhole() ? 0 : table_.index_of(ns, route.link);
    LinkRoute encoded{route.destination, route.gateway, index, route.onlink, route.protocol};
    for (const NextHop& hop : route.more) {
        encoded.more.push_back({hop.gateway, table_.index_of(ns, hop.link)});
    }
    encoded.encap = route.encap;
    encode_add_route(batch_, encoded);
    if (batch_.full()) {
        flush();
    }
}

void Executor::operator()(const DeleteRoute& operation) {
    tolerate_absence();
    const RouteSpec& route = operation.route;
    go_to(operation.ns);
    const auto index =
        route.is_blackhole() ? std::uint32_t{0} : index_if_there(operation.ns, route.link);
    if (!route.more.empty()) {
        encode_delete_routes(batch_, route.destination); // with all of its gateways
    } else if (index) {
        encode_delete_route(
            batch_, {route.destination, route.gateway, *index, route.onlink, route.protocol});
    }
}

void Executor::operator()(const AddNeighbours& operation) {
    LiveNamespace& ns = go_to(operation.ns);
    const std::string* link = nullptr;
    std::uint32_t index = 0;
    for (const NeighbourSpec& entry : *operation.entries) {
        if (link == nullptr || *link != entry.link) { // nearly always the same
            link = &entry.link;
            index = table_.index_of(ns, entry.link);
        }
        encode_add_neighbour(batch_, {index, entry.address, entry.mac});
        if (batch_.full()) {
            flush();
        }
    }
}

void Executor::operator()(const DeleteNeighbour& operation) {
    tolerate_absence();
    const NeighbourSpec& entry = operation.entry;
    if (const auto index = index_if_there(operation.ns, entry.link)) {
        encode_delete_neighbour(batch_, {*index, entry.address, entry.mac});
    }
}

void Executor::operator()(const AddFdb& operation) {
    const FdbSpec& entry = operation.entry;
    const auto index = table_.index_of(go_to(operation.ns), entry.link);
    encode_add_fdb(batch_, {index, entry.mac, entry.remote});
}

void Executor::operator()(const DeleteFdb& operation) {
    tolerate_absence();
    const FdbSpec& entry = operation.entry;
    if (const auto index = index_if_there(operation.ns, entry.link)) {
        encode_delete_fdb(batch_, {*index, entry.mac, entry.remote});
    }
}

void Executor::operator()(const ReplaceTable& operation) {
    const NftTable& table = operation.table;
    const NftProgram program = encode_replace_table(table);
    send_program(operation.ns, program, kMessagesPerTransaction, {});
    current_->tables.replaced(table.family, table.name, nft_identity(table));
}

void Executor::operator()(const ChangeTable& operation) {
    const NftChange& change = *operation.change;
    if (encoded_change_ != operation.change) {
        encoded_change_ = operation.change;
        change_program_ = encode_change_table(change);
    }
    try {
        if (!change.empty()) {
            send_program(operation.ns, *change_program_, kUnlimited, {});
        }
    } catch (const Error&) {
        if (pieces_sent_ > 0) {
            current_->tables.doubted(change.family, change.table);
        }
        throw;
    }
    go_to(operation.ns).tables.changed(change.family, change.table, operation.after);
}

void Executor::operator()(const DeleteTable& operation) {
    const NftProgram program = encode_delete_table(operation.family, operation.name);
    send_program(operation.ns, program, kUnlimited, kGone);
    current_->tables.deleted(operation.family, operation.name);
}

IpvsBatch Executor::servers_of(const std::string& ns, std::span<const int> tolerated) {
    LiveNamespace& live = go_to(ns);
    (void)table_.ipvs(live);
    if (servers_.full()) {
        flush();
    }
    servers_.set_origin({at_, tolerated});
    return {servers_, live.ipvs_family};
}

void Executor::operator()(const AddVirtualServer& operation) {
    encode_virtual_server(servers_of(operation.ns, {}), IpvsChange::Add, operation.server);
    for (const RealServer& real : operation.server.servers) {
        encode_real_server(
            servers_of(operation.ns, {}), IpvsChange::Add, operation.server.key, real);
    }
}

void Executor::operator()(const ChangeVirtualServer& operation) {
    encode_virtual_server(servers_of(operation.ns, {}), IpvsChange::Change, operation.server);
}

void Executor::operator()(const DeleteVirtualServer& operation) {
    VirtualServer server;
    server.key = operation.key;
    encode_virtual_server(servers_of(operation.ns, kGone), IpvsChange::Delete, server);
}

void Executor::operator()(const AddRealServer& operation) {
    encode_real_server(
        servers_of(operation.ns, {}), IpvsChange::Add, operation.key, operation.server);
}

void Executor::operator()(const ChangeRealServer& operation) {
    encode_real_server(
        servers_of(operation.ns, {}), IpvsChange::Change, operation.key, operation.server);
}

void Executor::operator()(const DeleteRealServer& operation) {
    encode_real_server(
        servers_of(operation.ns, kGone), IpvsChange::Delete, operation.key, operation.server);
}

void Executor::send_program(
    const std::string& ns,
    const NftProgram& program,
    std::size_t messages_max,
    std::span<const int> tolerated) {
    LiveNamespace& live = go_to(ns);
    flush();
    NetlinkSocket& socket = table_.nft(live);
    const std::size_t room = socket.make_room(program.batch().bytes().size());
    live.tables.note_generation(read_generation(socket));
    pieces_sent_ = 0;
    for (const NftProgram::Piece& piece : program.pieces(room, messages_max)) {
        send_piece(live, program, piece, tolerated);
    }
}

void Executor::send_piece(
    LiveNamespace& live,
    const NftProgram& program,
    const NftProgram::Piece& piece,
    std::span<const int> tolerated) {
    const std::array parts{program.opening(), program.bytes_of(piece), program.closing()};
    for (NetlinkFailure& failure : table_.nft(live).send(parts, program.batch())) {
        if (std::find(tolerated.begin(), tolerated.end(), failure.error_number) !=
            tolerated.end()) {
            return; // nothing was done
        }
        failure.object = describe_nft_message(program.batch().message_of(failure.sequence));
        throw_failure(plan_.operations[at_], failure);
    }
    live.tables.count_transaction();
    ++pieces_sent_;
}

} // namespace netemu
