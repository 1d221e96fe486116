/* tests/support/sanitizer.h: whether this build runs under a sanitizer, where a test takes some ten
 * times as long: what only adds volume, and is run in full by the other builds, may be less there.
 */
#ifndef EDB_TESTS_SUPPORT_SANITIZER_H
#define EDB_TESTS_SUPPORT_SANITIZER_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif
#ifndef UNDER_SANITIZER
#define UNDER_SANITIZER 0
#endif

#endif
