# How everything here is compiled.

# Rounding is part of the promise (docs/architecture.md): no contraction, no reassociation.
set(EDB_C_FLAGS -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -ffp-contract=off
                -fno-math-errno -fno-trapping-math $<$<BOOL:${EDB_WERROR}>:-Werror>)

# Internal invariants (EDB_ASSERT) are checked in debug builds only.
set(EDB_C_DEFINITIONS EDB_BUILD $<$<CONFIG:Debug>:EDB_DEBUG>)

set(EDB_TEST_TIMEOUT 120) # seconds, of one test program
if(EDB_SANITIZE)
  add_compile_options(-fsanitize=${EDB_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${EDB_SANITIZE})
  set(EDB_TEST_TIMEOUT 600)
endif()
if(EDB_COVERAGE)
  add_compile_options(--coverage -fprofile-update=atomic)
  add_link_options(--coverage)
  set(EDB_TEST_TIMEOUT 300)
endif()

find_package(Threads REQUIRED)
