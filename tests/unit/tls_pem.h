#pragma once

/// A certificate and its key for tests alone: ECDSA P-256, self-signed, for shop.example, until
/// 2126.
namespace mesh::test {

inline constexpr const char* kShopCertificate =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBjjCCATSgAwIBAgIUKhKN+3b+5gtj5vsfIzAi6a4asd4wCgYIKoZIzj0EAwIw\n"
    "DzENMAsGA1UEAwwEc2hvcDAgFw0yNjExMjcwNDUwNDVaGA8yMTI2MTEwMzA0NTA0\n"
    "NVowDzENMAsGA1UEAwwEc2hvcDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABD0E\n"
    "KcMScZ/d4SlSAxjAK0elptyvMD8Wyj4CW0XEju9yPqs7ZjOMgyZupaRLtyRlh64Q\n"
    "lk5UM83/PgAbU35hzt+jbDBqMB0GA1UdDgQWBBSxB1zkJ7wUOtj2aVKlP7hP/4p3\n"
    "tzAfBgNVHSMEGDAWgBSxB1zkJ7wUOtj2aVKlP7hP/4p3tzAPBgNVHRMBAf8EBTAD\n"
    "AQH/MBcGA1UdEQQQMA6CDHNob3AuZXhhbXBsZTAKBggqhkjOPQQDAgNIADBFAiEA\n"
    "ljMuBTu/SoVrRfwNoWWM7YRZpZlvtRs7WVoYY908u1ECIEpBJlbAZXUoxsE5aL4o\n"
    "O7GRGm4c06Gq+RMrRHhEum8v\n"
    "-----END CERTIFICATE-----\n";

inline constexpr const char* kShopKey =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgz1L41ZEHZAs7JQcw\n"
    "cm8i5x5PlOipVYMoX/RMLAGLsTahRANCAAQ9BCnDEnGf3eEpUgMYwCtHpabcrzA/\n"
    "Fso+AltFxI7vcj6rO2YzjIMmbqWkS7ckZYeuEJZOVDPN/z4AG1N+Yc7f\n"
    "-----END PRIVATE KEY-----\n";

} // namespace mesh::test
