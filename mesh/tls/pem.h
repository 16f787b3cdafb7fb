#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mesh {

/// One block of a PEM text (RFC 7468).
struct PemBlock {
    std::string label;      // "CERTIFICATE", "PRIVATE KEY", ...
    std::string bytes;      // what was base64; empty if `encrypted` by headers (RFC 1421)
    bool encrypted = false; // by headers; PKCS#8 has a label of its own for that
    std::size_t line = 0;   // of its BEGIN, from 1
};

/// The blocks in the order of the text; what is around them is passed over. Throws netemu::Error
/// ("line 3: ...") for a block that has no end, or holds something that is not base64. Pure.
std::vector<PemBlock> pem_blocks(std::string_view text);

} // namespace mesh
