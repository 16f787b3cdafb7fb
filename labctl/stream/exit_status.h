#pragma once

#include <string>

/// The v1.Status that ends a command: what goes out on the error channel (version 4 and later of
/// k8s.io/apimachinery/pkg/util/remotecommand). Pure; each is JSON text.
namespace labctl::stream {

/// Of a command that has ended by itself; `code` is 0 to 255 (128 + N when signal N ended it).
std::string exit_status(int code);
/// Of one that could not be run at all.
std::string failure_status(const std::string& why);

} // namespace labctl::stream
