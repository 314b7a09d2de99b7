// The one place where Asio's non-template code is compiled (ASIO_SEPARATE_COMPILATION).
#include <asio/impl/src.hpp>
