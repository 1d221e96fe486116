/* base/poison.h: red zones: memory that nothing may touch, checked by AddressSanitizer. Without it
 * the macros are nothing and zones have no size. */
#ifndef EDB_BASE_POISON_H
#define EDB_BASE_POISON_H

#if defined(__SANITIZE_ADDRESS__)
#define EDB_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EDB_ASAN 1
#endif
#endif

#ifdef EDB_ASAN
#include <sanitizer/asan_interface.h>
#define EDB_RED_ZONE_BYTES           16
#define EDB_POISON(address, bytes)   ASAN_POISON_MEMORY_REGION(address, bytes)
#define EDB_UNPOISON(address, bytes) ASAN_UNPOISON_MEMORY_REGION(address, bytes)
#else
#define EDB_RED_ZONE_BYTES           0
#define EDB_POISON(address, bytes)   ((void)(address), (void)(bytes))
#define EDB_UNPOISON(address, bytes) ((void)(address), (void)(bytes))
#endif

#endif
