/**
 * @file neo.h
 * Neo, an embeddable messaging kernel: the C interface.
 *
 * Written by `cargo xtask headers` from neo-ffi/src/capi; do not edit.
 *
 * What holds for every function:
 *
 * - Handles are pointers to structs whose inside is not public. `_open` gives one reference,
 *   `_retain` adds one, `_release` takes one away and accepts NULL. What is made of a kernel keeps
 *   what it needs of it, so handles may be released in any order.
 * - `_close` is not `_release`: it stops something, on any thread, and wakes who waits there with
 *   NEO_E_CLOSED; the handle stays valid until it is released.
 * - Every function may be called by any thread at any time. A handle must not be used after its last
 *   reference was released; that is noticed (NEO_E_BAD_HANDLE) as long as the memory still shows it.
 * - Parameters that are called borrowed are read during the call only. Results are written only when
 *   the function succeeds, counts also when it does not.
 * - A status below 0 is an error. Its text is written to the caller's own neo_error_t, the last
 *   parameter, which may be NULL. Nothing is thread-local.
 * - NULL where something must be, misaligned pointers and impossible lengths are NEO_E_INVALID.
 * - Structs of options and results begin with their size: start with their _INIT macro. Where arrays
 *   of structs are filled, the caller passes the size of an element. Wrong sizes are NEO_E_VERSION.
 * - Text is UTF-8 with a length and need not end in NUL. Durations are nanoseconds: 0 tries, below 0
 *   waits for ever. Flags are 0 or 1.
 * - Handles belong to the process that made them: in a child of fork() they fail with NEO_E_FORKED
 *   and may be released, which leaks them.
 * - The library starts no thread but the one of shm://, which `without_thread` forgoes; it installs
 *   no signal handlers, prints nothing and never ends the process. Signals end no waits.
 */
#ifndef NEO_H
#define NEO_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(_WIN32) && defined(NEO_SHARED)
#define NEO_API __declspec(dllimport)
#elif defined(__GNUC__)
#define NEO_API __attribute__((visibility("default")))
#else
#define NEO_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** What a capsule of another language is called that holds a neo_capsule_t. */
#define NEO_CAPSULE_NAME "neo.api.v1"

/** The functions of a library image. */
typedef struct neo_api_t neo_api_t;

