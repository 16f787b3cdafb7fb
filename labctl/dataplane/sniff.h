#pragma once

#include <string_view>

namespace labctl::dataplane {

enum class Speech { Undecided, Http1, Http2, Raw };

/// Tells from the first bytes of a TCP connection what the client speaks. Undecided means that more
/// bytes could still make it HTTP; text that cannot become a request line is raw at once, so that
/// it is echoed at once.
Speech sniff(std::string_view bytes);

} // namespace labctl::dataplane
