#include "labctl/dataplane/http_connection.h"

#include <utility>

namespace labctl::dataplane {

HttpConnection::HttpConnection(
    netemu::EventLoop& loop,
    HttpProxy& proxy,
    HttpClient client,
    std::unique_ptr<ClientStream> stream,
    Closed closed)
    : loop_(loop), proxy_(proxy), client_(std::move(client)), closed_(std::move(closed)),
      stream_(std::move(stream)) {
    stream_->set_listener(*this);
    ++proxy_.connections();
}

HttpConnection::~HttpConnection() {
    --proxy_.connections();
}

void HttpConnection::start(std::string_view bytes) {
    stream_->start(bytes);
}

void HttpConnection::take_over(std::string_view plain, bool has_ended) {
    if (!plain.empty()) {
        on_client_bytes(plain);
    }
    if (has_ended) {
        on_client_ended();
    }
}

} // namespace labctl::dataplane
