#pragma once

namespace mesh {

/// Starts OpenSSL with its built-in algorithms and the texts of its errors, and
/// without openssl.cnf, whatever OPENSSL_CONF says: sessions behave alike on every host, and
/// nothing of this room opens a file from then on. Call before files can no longer be opened (a
/// seccomp filter) and before anything else uses OpenSSL; it takes a third of a millisecond, and
/// calling it again costs nothing. Any thread may use this room then. Throws netemu::Error.
void prepare_tls();

} // namespace mesh
