#pragma once

#include <functional>
#include <span>

#include "dns/handler.h"
#include "dns/upstream.h"

namespace dns {

/// What an upstream is asked for a client's query.
[[nodiscard]] Ask ask_of(const QueryView& query, const Client& client);

/// Answers a query with what `ask` finds, which may call its Done before it returns, or later.
Handled answer_when_found(
    const QueryView& query,
    const Client& client,
    std::span<std::uint8_t> out,
    ReplyMaker& replies,
    const std::function<void(Done done)>& ask);

} // namespace dns
