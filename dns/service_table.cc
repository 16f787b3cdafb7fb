#include "dns/service_table.h"

#include <array>
#include <cstring>
#include <utility>

#include "dns/limits.h"

namespace dns {
namespace {

constexpr std::size_t kFirstPlaces = 16;
constexpr std::uint64_t kMixer = 0x9e3779b97f4a7c15ULL;

std::uint64_t mix_word(std::uint64_t hash, std::uint64_t word) {
    hash = (hash ^ word) * kMixer;
    return hash ^ (hash >> 32U);
}

} // namespace

std::uint64_t hash_key(std::string_view key) {
    std::uint64_t hash = key.size();
    while (key.size() >= sizeof(std::uint64_t)) {
        std::uint64_t word = 0;
        std::memcpy(&word, key.data(), sizeof word);
        hash = mix_word(hash, word);
        key.remove_prefix(sizeof word);
    }
    std::uint64_t rest = 0;
    std::memcpy(&rest, key.data(), key.size());
    return mix_word(hash, rest);
}

ServiceTable::ServiceTable() : places_(kFirstPlaces), mask_(kFirstPlaces - 1) {
}

std::size_t ServiceTable::seek(std::string_view key, std::uint64_t hash) const {
    auto index = static_cast<std::size_t>(hash) & mask_;
    while (places_[index].records != nullptr &&
           (places_[index].hash != hash || places_[index].records->key() != key)) {
        index = next(index);
    }
    return index;
}

const ServiceRecords* ServiceTable::find(std::string_view key) const {
    return places_[seek(key, hash_key(key))].records.get();
}

void ServiceTable::prefetch(std::span<const std::uint64_t> hashes) const {
    for (const auto hash : hashes) {
        __builtin_prefetch(&places_[static_cast<std::size_t>(hash) & mask_]);
    }
    std::array<const ServiceRecords*, limits::kUdpBatch>
        expected; // NOLINT: `count` of them are set
    std::size_t count = 0;
    for (const auto hash : hashes) {
        auto index = static_cast<std::size_t>(hash) & mask_;
        while (places_[index].records != nullptr && places_[index].hash != hash) {
            index = next(index);
        }
        if (const auto* records = places_[index].records.get(); records != nullptr) {
            __builtin_prefetch(records);
            expected[count++] = records; // NOLINT: not more than there are hashes
        }
    }
    for (std::size_t i = 0; i < count; ++i) {
        __builtin_prefetch(expected[i]->wire.data()); // NOLINT
    }
}

ServiceRecords& ServiceTable::put(std::unique_ptr<ServiceRecords> records) {
    const auto hash = hash_key(records->key());
    auto& known = places_[seek(records->key(), hash)].records;
    if (known != nullptr) {
        *known = std::move(*records);
        return *known;
    }
    if (2 * (size_ + 1) > places_.size()) {
        grow();
    }
    auto& place = places_[seek(records->key(), hash)];
    place = {hash, std::move(records)};
    ++size_;
    return *place.records;
}

void ServiceTable::erase(std::string_view key) {
    auto hole = seek(key, hash_key(key));
    if (places_[hole].records == nullptr) {
        return;
    }
    // Whatever stands behind the hole and was only pushed there by it moves up, so that no search
    // ends too early (Knuth, The Art of Computer Programming 3, 6.4, algorithm R).
    for (auto index = next(hole); places_[index].records != nullptr; index = next(index)) {
        const auto home = static_cast<std::size_t>(places_[index].hash) & mask_;
        if (((index - home) & mask_) >= ((index - hole) & mask_)) {
            places_[hole] = std::move(places_[index]);
            hole = index;
        }
    }
    places_[hole] = {};
    --size_;
}

void ServiceTable::grow() {
    std::vector<Place> wider(2 * places_.size());
    places_.swap(wider);
    mask_ = places_.size() - 1;
    for (auto& place : wider) {
        if (place.records != nullptr) {
            places_[seek(place.records->key(), place.hash)] = std::move(place);
        }
    }
}

} // namespace dns
