#pragma once

#include <map>
#include <string>
#include <string_view>

namespace labctl::supervisor {

/// `text` with each $(NAME) replaced by that variable, as kubelet does it in command, args and env;
/// a name that is none of them stays as it is, and $$(NAME) is $(NAME) (Kubernetes, "Define
/// Dependent Environment Variables"). Pure.
[[nodiscard]] std::string
expand_variables(std::string_view text, const std::map<std::string, std::string>& variables);

} // namespace labctl::supervisor
