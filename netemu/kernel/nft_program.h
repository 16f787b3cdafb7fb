#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "netemu/kernel/batch.h"
#include "netemu/model/nft.h"

namespace netemu {

/// The messages that make or change one table, and the places where they may be divided into
/// several transactions. Sent as one transaction they are carried out whole or not at all.
///
/// The first message of the batch opens a transaction and the last one closes it; whoever divides
/// it sends both around every piece.
class NftProgram {
public:
    NftProgram();

    [[nodiscard]] Batch& batch() noexcept { return batch_; }
    [[nodiscard]] const Batch& batch() const noexcept { return batch_; }

    /// Starts a message on a table. The batch takes its attributes until the next call.
    void start(unsigned type, unsigned flags, NftFamily family);
    /// The same for a library that fills it; end it with finish_foreign of the batch.
    nlmsghdr* start_foreign(unsigned type, unsigned flags, NftFamily family);
    /// Here a new transaction may begin.
    void may_split();
    /// From here on everything has to be in one transaction.
    void keep_together() noexcept { together_ = true; }
    /// A number for an anonymous set, unique in this program.
    std::uint32_t next_set_id() noexcept { return ++set_id_; }
    /// Nothing more follows.
    void close();

    /// Bytes of one transaction: [begin, end) of the batch, without what opens and closes it.
    struct Piece {
        std::size_t begin;
        std::size_t end;
    };
    /// Transactions of at most `bytes_max` bytes and, unless one message group is larger,
    /// `messages_max` messages each.
    [[nodiscard]] std::vector<Piece> pieces(std::size_t bytes_max, std::size_t messages_max) const;
    /// What goes in front of and behind every piece.
    [[nodiscard]] std::span<const char> opening() const;
    [[nodiscard]] std::span<const char> closing() const;
    [[nodiscard]] std::span<const char> bytes_of(const Piece& piece) const;
    /// Messages between the opening and the closing one.
    [[nodiscard]] std::size_t messages() const noexcept { return batch_.messages() - 2; }

private:
    struct Split {
        std::size_t at;       // bytes
        std::size_t messages; // before it
    };
    void mark(unsigned type);

    Batch batch_;
    std::vector<Split> splits_;
    std::size_t body_ = 0;    // where the opening message ends
    std::size_t closing_ = 0; // where the closing one begins
    std::uint32_t set_id_ = 0;
    bool together_ = false;
};

/// The protocol family number that nfnetlink uses (NFPROTO_*).
unsigned nft_family_number(NftFamily family);
unsigned nft_message_type(unsigned type);

} // namespace netemu
