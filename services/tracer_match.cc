#include "services/tracer_match.h"

#include <algorithm>

#include "netemu/model/nft_text.h"

namespace services {
namespace {

using namespace netemu;
using Kind = TraceResult::Kind;

constexpr std::size_t kTracePortBytes = 4; // padded

class StatementTracer {
public:
    StatementTracer(
        const TraceTable& table,
        TraceState& state,
        TraceChoices& choices,
        const std::vector<IpAddress>& local)
        : table_(table), state_(state), choices_(choices), local_(local) {}

    TraceResult operator()(const NftMatchAddress& match) {
        return matched(match.prefix.contains(address(match.field)), match.negate);
    }
    TraceResult operator()(const NftMatchAddresses& match) {
        const auto& one = address(match.field);
        const auto holds = [&](const IpPrefix& prefix) { return prefix.contains(one); };
        return matched(
            std::any_of(match.prefixes.begin(), match.prefixes.end(), holds), match.negate);
    }
    TraceResult operator()(const NftMatchInterface& match) {
        const bool input = match.direction == NftMatchInterface::Direction::Input;
        const auto& name = input ? packet().input_interface : packet().output_interface;
        const bool begins = match.name.size() > 1 && match.name.back() == '*';
        return matched(
            begins ? name.starts_with(std::string_view(match.name).substr(0, match.name.size() - 1))
                   : name == match.name,
            match.negate);
    }
    TraceResult operator()(const NftMatchSet& match) {
        const auto key = key_of(match.key, 0);
        const auto* found = key ? table_.set(match.set).find(*key) : nullptr;
        const bool held = found != nullptr || (key && remembered(match.set, *key));
        if (found != nullptr) {
            note_element(match.set, *found);
        }
        return matched(held, match.negate);
    }
    TraceResult operator()(const NftMatchProtocol& match) {
        return matched(packet().protocol == match.protocol, match.negate);
    }
    TraceResult operator()(const NftMatchPort& match) {
        const bool source = match.side == NftMatchPort::Side::Source;
        const auto port = source ? packet().source_port : packet().destination_port;
        return matched(match.first <= port && port <= match.last, match.negate);
    }
    TraceResult operator()(const NftMatchMark& match) {
        return matched((packet().mark & match.mask) == match.value, match.negate);
    }
    TraceResult operator()(const NftMatchCtState& match) {
        return matched((match.states & nft_ct_state::kNew) != 0, false);
    }
    TraceResult operator()(const NftMatchLocal& match) {
        const auto& one = address(match.field);
        const bool held =
            one.is_loopback() || std::find(local_.begin(), local_.end(), one) != local_.end();
        return matched(held, match.negate);
    }
    TraceResult operator()(const NftMatchEtherType&) { return {Kind::NoMatch, {}}; }
    TraceResult operator()(const NftMatchIcmp&) { return {Kind::NoMatch, {}}; } // it has ports

    TraceResult operator()(const NftCounter&) { return {}; }
    TraceResult operator()(const NftLog&) { return {}; }
    TraceResult operator()(const NftTrace&) { return {}; }
    TraceResult operator()(const NftNotrack&) { return {}; }
    TraceResult operator()(const NftSetPacketTypeHost&) { return {}; }
    TraceResult operator()(const NftSetEtherDestination&) { return {}; }
    TraceResult operator()(const NftSetMark& set) {
        state_.what = "mark";
        auto& mark = state_.packet.mark;
        switch (set.how) {
        case NftSetMark::How::Set:
            mark = set.value;
            break;
        case NftSetMark::How::Or:
            mark |= set.value;
            break;
        case NftSetMark::How::And:
            mark &= set.value;
            break;
        case NftSetMark::How::Xor:
            mark ^= set.value;
            break;
        }
        return {};
    }
    TraceResult operator()(const NftUpdateSet& update) {
        state_.what = "remember";
        if (const auto key = key_of(update.key, 0)) {
            state_.outcome.remembered[update.set].insert(*key);
        }
        return {};
    }

    TraceResult operator()(const NftDnat& dnat) { return send_to(dnat.address, dnat.port); }
    TraceResult operator()(const NftDnatMap& dnat) {
        const auto* found = look_up(dnat.key, dnat.modulus, dnat.map);
        if (found == nullptr) {
            return {Kind::NoMatch, {}};
        }
        const auto family = packet().destination.family();
        const std::size_t bytes = family == Family::V4 ? 4 : 16;
        const auto& value = found->value;
        if (value.size() != bytes + kTracePortBytes) {
            throw Error("map " + dnat.map + " holds no address and port");
        }
        const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(value[at]); };
        std::array<std::uint8_t, 16> raw{};
        std::transform(
            value.begin(),
            value.begin() + static_cast<std::ptrdiff_t>(bytes),
            raw.begin(),
            [](char c) { return static_cast<std::uint8_t>(c); });
        const auto port = static_cast<std::uint16_t>(byte(bytes) << 8U | byte(bytes + 1));
        return send_to(IpAddress::from_bytes(family, raw.data()), port);
    }
    TraceResult operator()(const NftMasquerade&) {
        state_.what = "masquerade";
        state_.outcome.masqueraded = true;
        return {Kind::Accept, {}};
    }
    TraceResult operator()(const NftRedirect& redirect) {
        const auto family = packet().destination.family();
        for (const auto& one : local_) {
            if (one.family() == family) {
                return send_to(one, redirect.port);
            }
        }
        return {Kind::Drop, {}}; // as the kernel does without an address on the interface
    }
    TraceResult operator()(const NftReject&) {
        state_.what = "reject";
        return {Kind::Reject, {}};
    }
    TraceResult operator()(const NftSetVerdict& set) {
        state_.what = to_text(set.verdict);
        return verdict(set.verdict, set.chain);
    }
    TraceResult operator()(const NftVerdictMap& map) {
        const auto* found = look_up(map.key, map.modulus, map.map);
        if (found == nullptr) {
            return {Kind::NoMatch, {}};
        }
        state_.what = "map lookup";
        return verdict(found->verdict, found->value);
    }
    TraceResult operator()(const NftRandomGoto& choice) {
        const auto count = static_cast<std::uint32_t>(choice.chains.size());
        const auto chosen = count == 1 ? 0 : choices_.next(count);
        state_.what =
            "random choice " + std::to_string(chosen + 1) + " of " + std::to_string(count);
        return {Kind::Goto, choice.chains.at(chosen)};
    }

private:
    [[nodiscard]] const TracePacket& packet() const { return state_.packet; }
    [[nodiscard]] const IpAddress& address(NftMatchAddress::Field field) const {
        return field == NftMatchAddress::Field::Source ? packet().source : packet().destination;
    }
    static TraceResult matched(bool held, bool negate) {
        return {held != negate ? Kind::GoOn : Kind::NoMatch, {}};
    }
    static TraceResult verdict(NftVerdict verdict, const std::string& chain) {
        switch (verdict) {
        case NftVerdict::Accept:
            return {Kind::Accept, {}};
        case NftVerdict::Drop:
            return {Kind::Drop, {}};
        case NftVerdict::Jump:
            return {Kind::Jump, chain};
        case NftVerdict::Goto:
            return {Kind::Goto, chain};
        case NftVerdict::Return:
            return {Kind::Return, {}};
        case NftVerdict::Continue:
            return {};
        }
        return {};
    }
    TraceResult send_to(const IpAddress& address, std::uint16_t port) {
        state_.what = "destination NAT";
        state_.packet.destination = address;
        if (port != 0) {
            state_.packet.destination_port = port;
        }
        state_.outcome.target = netemu::Endpoint{address, state_.packet.destination_port};
        return {Kind::Accept, {}};
    }
    [[nodiscard]] bool remembered(const std::string& set, const std::string& key) const {
        const auto found = state_.memory->find(set);
        return found != state_.memory->end() && found->second.contains(key);
    }
    const NftElement* look_up(const NftKey& key, std::uint32_t modulus, const std::string& map) {
        const auto bytes = key_of(key, modulus);
        const auto* found = bytes ? table_.set(map).find(*bytes) : nullptr;
        if (found != nullptr) {
            note_element(map, *found);
        }
        return found;
    }
    void note_element(const std::string& set, const NftElement& element) {
        state_.element = set + " { " + to_text(*table_.set(set).declaration, element) + " }";
    }

    /// The packet's bytes for a key; nullopt if it has no such part.
    std::optional<std::string> key_of(const NftKey& key, std::uint32_t modulus) {
        NftBytes bytes;
        for (const auto field : key) {
            if (!add_field(bytes, field, modulus)) {
                return std::nullopt;
            }
        }
        return bytes.str();
    }
    bool add_field(NftBytes& bytes, NftField field, std::uint32_t modulus) {
        const bool six = packet().source.is_v6();
        switch (field) {
        case NftField::Source:
            bytes.address(packet().source);
            return true;
        case NftField::Destination:
            bytes.address(packet().destination);
            return true;
        case NftField::Source6:
            bytes.address(packet().source);
            return six;
        case NftField::Destination6:
            bytes.address(packet().destination);
            return six;
        case NftField::Protocol:
            bytes.protocol(packet().protocol);
            return true;
        case NftField::SourcePort:
            bytes.port(packet().source_port);
            return true;
        case NftField::DestinationPort:
            bytes.port(packet().destination_port);
            return true;
        case NftField::Mark:
            bytes.mark(packet().mark);
            return true;
        case NftField::InputInterface:
            bytes.interface(packet().input_interface);
            return !packet().input_interface.empty();
        case NftField::OutputInterface:
            bytes.interface(packet().output_interface);
            return !packet().output_interface.empty();
        case NftField::Random:
            bytes.number(modulus > 1 ? choices_.next(modulus) : 0);
            return true;
        case NftField::SourceMac:
        case NftField::DestinationMac:
        case NftField::ArpSource:
        case NftField::None:
            return false;
        }
        return false;
    }

    const TraceTable& table_;
    TraceState& state_;
    TraceChoices& choices_;
    const std::vector<IpAddress>& local_;
};

} // namespace

std::uint32_t TraceChoices::next(std::uint32_t count) {
    if (at_ == choices_.size()) {
        choices_.push_back({0, count});
    }
    return choices_[at_++].taken;
}

double TraceChoices::probability() const {
    double all = 1.0;
    for (std::size_t i = 0; i < at_; ++i) {
        all /= choices_[i].count;
    }
    return all;
}

bool TraceChoices::advance() {
    choices_.resize(at_);
    at_ = 0;
    while (!choices_.empty()) {
        if (++choices_.back().taken < choices_.back().count) {
            return true;
        }
        choices_.pop_back();
    }
    return false;
}

TraceResult trace_statement(
    const NftStatement& statement,
    const TraceTable& table,
    TraceState& state,
    TraceChoices& choices,
    const std::vector<IpAddress>& local) {
    return std::visit(StatementTracer{table, state, choices, local}, statement);
}

} // namespace services
