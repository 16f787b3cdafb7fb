#pragma once

#include <set>
#include <string>
#include <string_view>

/// Names for interfaces: at most 15 bytes (IFNAMSIZ of netdevice(7)), the same on every run.
namespace netemu {

/// Hands out the interface names of one namespace. The same calls in the same order give the same
/// names.
class InterfaceNames {
public:
    /// Takes a fixed name ("eth0", "cni0") out of the game.
    void reserve(std::string_view name);
    /// `prefix` (at most 7 bytes) and eight hexadecimal digits of FNV-1a over `key`. A key whose
    /// name is taken gets the digits of "key#2", "key#3", ...: so only the later of two that
    /// collide changes.
    std::string hashed(std::string_view prefix, std::string_view key);
    /// `prefix` and the whole of `key` when that is a free, valid name; otherwise as `hashed`.
    std::string readable(std::string_view prefix, std::string_view key);

private:
    std::set<std::string, std::less<>> taken_;
};

/// Whether the kernel takes `name` for an interface (dev_valid_name: 1 to 15 bytes, no slash, colon
/// or white space, not "." or "..").
bool is_valid_interface_name(std::string_view name);

} // namespace netemu
