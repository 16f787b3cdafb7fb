#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "labctl/dataplane/http_proxy.h"

namespace labctl::dataplane {

/// What a proxy makes of one request that is not just passed on once: a delay, an answer in its
/// place, time limits, further tries. An HttpRelay asks it, in the loop's thread; it may not
/// end the connection.
class HttpCourse {
public:
    HttpCourse() = default;
    HttpCourse(const HttpCourse&) = delete;
    HttpCourse& operator=(const HttpCourse&) = delete;
    virtual ~HttpCourse() = default;

    /// What happens first: nothing, for so long; then perhaps an answer.
    [[nodiscard]] virtual std::chrono::milliseconds delay() const = 0;
    [[nodiscard]] virtual std::optional<HttpProxy::Refusal> answer() const = 0;

    struct Limits {
        std::chrono::milliseconds all{0}; // tries and what is between them; 0: none
        std::chrono::milliseconds each{0};
        std::chrono::seconds connect{0};
    };
    [[nodiscard]] virtual Limits limits() const = 0;
    [[nodiscard]] virtual HttpProxy::Refusal out_of_time(bool of_one_try) const = 0;

    struct Try {
        std::vector<Upstream> candidates; // empty: the refusal is the answer
        std::shared_ptr<void> lease;
        std::string story;
        HttpProxy::Refusal refusal;
        HttpTally* tally = nullptr; // of requests that go there
    };
    /// Calls back at once, or when it is this request's turn. Not after it has been destroyed.
    virtual void next(std::function<void(Try)> go) = 0;
    /// The head of the request for this try.
    virtual void prepare(mesh::Request& head) const = 0;
    /// Of a try that has failed, or has been answered with `head`: after what time there is another
    /// one. None: that was it. `repeatable`: the request could be sent again.
    [[nodiscard]] virtual std::optional<std::chrono::milliseconds> again(
        const UpstreamExchange::Failure* failure, const mesh::Response* head, bool repeatable) = 0;

    virtual void edit_answer(mesh::Response& head) const = 0;
    /// All of the request is here, and was not too long to be kept.
    virtual void request_complete(const mesh::Request& request) = 0;
    /// For the log, behind the story: "" or " [DI,URX]".
    [[nodiscard]] virtual std::string flags() const = 0;
};

} // namespace labctl::dataplane
