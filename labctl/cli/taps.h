#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>

#include "labctl/cli/client.h"
#include "labctl/cli/packet_lines.h"
#include "netemu/kernel/capture_set.h"

namespace labctl::cli {

/// Taps that the lab opened for this command, which reads them itself.
struct LabTaps {
    netemu::CaptureSet set;
    AddressNames names;          // if the question asked for them
    std::size_t place_width = 0; // of the longest name of a place
};

/// Asks the lab of `client` for taps. `question` has "targets" and "namespace", and may have
/// "names" and "snapBytes". Throws netemu::UsageError for targets that do not exist.
LabTaps open_lab_taps(Client& client, const nlohmann::json& question);

} // namespace labctl::cli
