#pragma once

#include <cstddef>
#include <map>
#include <string>

/// What iptables-save(8) and iptables-restore(8) write and read, as far as kube-proxy's rules go:
/// all of them are in chains named KUBE-..., or jump there from a built-in chain.
namespace labctl::supervisor {

/// Text for `iptables-restore --noflush` that takes the rules out of what `iptables-save` printed.
/// Rules of others stay.
std::string iptables_removal(const std::string& saved);

/// Rules in each chain ("nat KUBE-SERVICES"), of built-in chains only the jumps to ours. Takes what
/// iptables-save printed and what iptables-restore is given to an empty namespace.
std::map<std::string, std::size_t> iptables_rule_counts(const std::string& text);

/// The same changes in several transactions of at most about `lines` lines each, for a kernel that
/// takes no larger ones: what an ordinary user may send at once is limited (socket(7), SO_SNDBUF).
/// A chain is complete before another jumps to it, and what is deleted goes last; only a chain that
/// is longer than `lines` is seen in halves.
std::string iptables_in_parts(const std::string& input, std::size_t lines);

/// The tool's complaint about its input in one line, with the line of the input that it names.
std::string iptables_complaint(const std::string& words, const std::string& input);

} // namespace labctl::supervisor
