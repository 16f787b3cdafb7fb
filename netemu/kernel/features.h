#pragma once

#include <string>
#include <vector>

namespace netemu {

/// Something that a lab needs, or could use, from this host's kernel.
struct Feature {
    std::string name; // "vxlan", "network namespaces", ...
    bool available = false;
    bool required = false; // without it no lab comes up
    std::string why_not;   // empty when available
    std::string remedy;    // what to do about it; empty when available
};

enum class FeatureScope { Required, All };

/// Finds out by trying, in a namespace of a short-lived child process: nothing is created that
/// would outlive it, and but for one bridge no link is made at all (a request for each kind is
/// spoilt on purpose behind the point where the kernel looks for the kind). A missing module is
/// loaded if the kernel can and may. The calling process should be small and single-threaded. Takes
/// a few milliseconds. Never throws for a missing feature; throws SysError if no child process can
/// be started.
///
/// "user namespaces" is required only of a caller that is not privileged enough to do without.
std::vector<Feature> detect_features(FeatureScope scope);

/// Whether the kernel makes devices of the kind dummy in the namespace that the thread is in. Asks
/// as detect_features does, and makes none.
bool has_dummy_devices();

} // namespace netemu
