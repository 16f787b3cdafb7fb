#pragma once

#include <map>
#include <string>
#include <string_view>

#include "labctl/manifest/diagnostic.h"

namespace labctl::manifest {

/// Finds again where a part of an object was written: for findings that are made from objects after
/// all have been read. Reads each file once more, so it is for messages and not for many.
class Locator {
public:
    /// A warning about the value at `path` ("spec.ingress[0].from[1]") of the object that was read
    /// at `object`, or about the nearest thing above it that was written. Where the file cannot be
    /// read again (standard input), it is about the object as a whole.
    [[nodiscard]] Diagnostic warning(
        const api::Source& object, std::string_view path, std::string message, std::string hint);

private:
    const std::string& text_of(const std::string& file);

    std::map<std::string, std::string> texts_;
};

} // namespace labctl::manifest
