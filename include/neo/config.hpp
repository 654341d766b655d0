/// @file
/// What the compiler and its library offer, and how the functions of Neo are found.
#ifndef NEO_CONFIG_HPP
#define NEO_CONFIG_HPP

#include "../neo.h"

#if __cplusplus < 201703L && !(defined(_MSVC_LANG) && _MSVC_LANG >= 201703L)
#error "neo.hpp needs C++17: compile with -std=c++17 or later"
#endif

#if defined(__has_include)
#if __has_include(<version>)
#include <version>
#endif
#endif

/// 1 where the library has `std::expected`, which is then `neo::result`.
#if defined(__cpp_lib_expected) && __cpp_lib_expected >= 202202L
#define NEO_HAS_EXPECTED 1
#else
#define NEO_HAS_EXPECTED 0
#endif

/// 1 where the library has `std::span`, which is then `neo::bytes`.
#if defined(__cpp_lib_span) && __cpp_lib_span >= 202002L
#define NEO_HAS_SPAN 1
#else
#define NEO_HAS_SPAN 0
#endif

/// 1 where exceptions are on.
#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
#define NEO_HAS_EXCEPTIONS 1
#else
#define NEO_HAS_EXCEPTIONS 0
#endif

// Translation units of several standards may meet in one program: where types differ, the names
// that the linker sees must differ too.
#if NEO_HAS_EXPECTED
#define NEO_STANDARD expected
#elif NEO_HAS_SPAN
#define NEO_STANDARD span
#else
#define NEO_STANDARD plain
#endif

/// How a function of neo.h is called. A plug-in whose host hands it a kernel in a `neo_capsule_t`
/// defines NEO_USE_TABLE before it includes neo.hpp and calls `neo::use_table` first: it then needs
/// no exported symbol, and uses the library of its host.
#if defined(NEO_USE_TABLE)
#define NEO_FN(name) ::neo::detail::table()->name
#define NEO_JOINED(standard) by_table_##standard
#else
#define NEO_FN(name) ::neo_##name
#define NEO_JOINED(standard) with_##standard
#endif
#define NEO_NAMESPACE_OF(standard) NEO_JOINED(standard)
/// The inline namespace in which everything lies; names in programs leave it out.
#define NEO_NAMESPACE NEO_NAMESPACE_OF(NEO_STANDARD)

#if defined(NEO_USE_TABLE)
namespace neo {
inline namespace NEO_NAMESPACE {
namespace detail {
inline const neo_api_t *&table() noexcept
{
    static const neo_api_t *functions = nullptr;
    return functions;
}
} // namespace detail

/// Makes a table the one that this program calls. Once, before anything else, by one thread.
inline void use_table(const neo_api_t *functions) noexcept { detail::table() = functions; }
} // namespace NEO_NAMESPACE
} // namespace neo
#endif

#endif
