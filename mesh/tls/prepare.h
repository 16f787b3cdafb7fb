#pragma once

namespace mesh {

/// Has OpenSSL do at once whatever it would do at its first use: its own provider, its algorithms,
/// the texts of its errors, random numbers. It reads no openssl.cnf, whatever OPENSSL_CONF says, so
/// that sessions behave alike on every host. Call before files can no longer be opened (a seccomp
/// filter) and before another thread uses OpenSSL; everything of this room works behind it, in any
/// thread. Calling it again costs nothing. Throws netemu::Error.
void prepare_tls();

} // namespace mesh
