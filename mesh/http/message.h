#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// HTTP messages as values (RFC 9110). Pure.
namespace mesh {

/// One field line. The name is kept as it was written; comparisons ignore case.
struct Header {
    std::string name;
    std::string value;
    bool operator==(const Header&) const = default;
};

/// The fields of a message, in order; a name may occur several times.
class Headers {
public:
    Headers() = default;
    Headers(std::initializer_list<Header> fields) : fields_(fields) {}

    void add(std::string name, std::string value);
    /// Replaces every field of that name by this one.
    void set(std::string name, std::string value);
    void remove(std::string_view name);
    void clear() { fields_.clear(); }

    /// The first value of that name, or nullptr. Valid until the fields change.
    [[nodiscard]] const std::string* find(std::string_view name) const;
    /// The first value of that name, or "".
    [[nodiscard]] std::string_view get(std::string_view name) const;
    [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }
    [[nodiscard]] std::size_t count(std::string_view name) const;
    /// Whether one of the comma-separated elements of the fields of that name is `token`, ignoring
    /// case.
    [[nodiscard]] bool has_token(std::string_view name, std::string_view token) const;

    [[nodiscard]] const std::vector<Header>& fields() const noexcept { return fields_; }
    [[nodiscard]] std::size_t size() const noexcept { return fields_.size(); }
    bool operator==(const Headers&) const = default;

private:
    std::vector<Header> fields_;
};

struct Request {
    std::string method = "GET";
    std::string target = "/"; // as on the request line
    int version_minor = 1;    // HTTP/1.0 or HTTP/1.1
    Headers headers;
    std::string body;
    Headers trailers; // of a chunked body, never merged into `headers`

    /// The target's path without query, also of an absolute-form target. Not percent-decoded.
    [[nodiscard]] std::string_view path() const;
    /// What follows the `?`, or "".
    [[nodiscard]] std::string_view query() const;
    bool operator==(const Request&) const = default;
};

struct Response {
    int status = 200;
    std::string reason; // empty: the standard phrase is written
    int version_minor = 1;
    Headers headers;
    std::string body;
    Headers trailers;
    bool operator==(const Response&) const = default;
};

/// Whether the method is one whose requests may be sent twice (RFC 9110 section 9.2.2).
[[nodiscard]] bool is_idempotent(std::string_view method);

/// "Not Found" for 404; "" for a code without a standard phrase.
std::string_view reason_phrase(int status);

/// `%41` and `+` decoded; malformed escapes stay as they are.
std::string url_decode(std::string_view text);

/// The decoded value of the first `name=value` of a query string, or nullopt.
std::optional<std::string> query_parameter(std::string_view query, std::string_view name);

/// The value of a cookie that the client has sent (RFC 6265 section 4.2); "": none.
std::string cookie_value(const Headers& headers, std::string_view name);

/// Whether the two are equal, ignoring the case of ASCII letters.
bool equals_ignore_case(std::string_view left, std::string_view right);

/// Whether `text` is a token of RFC 9110 section 5.6.2: a method or field name.
bool is_token(std::string_view text);
/// Whether `text` may be a field value: no control characters but tab (RFC 9110 section 5.5).
bool is_field_value(std::string_view text);

} // namespace mesh
