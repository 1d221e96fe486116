# The layers of the library, each may include only itself and those before it.
set(EDB_LAYERS base graph policy model layout kernel exec data)

# Rounding is part of the promise (docs/architecture.md): no contraction, no reassociation.
set(EDB_C_FLAGS -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -ffp-contract=off
                -fno-math-errno -fno-trapping-math)

find_package(Threads REQUIRED)

# edb_layer(NAME sources...): the objects of one layer.
function(edb_layer name)
  add_library(edb_${name} OBJECT ${ARGN})
  target_include_directories(edb_${name} PUBLIC ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src)
  target_compile_options(edb_${name} PRIVATE ${EDB_C_FLAGS} $<$<BOOL:${EDB_WERROR}>:-Werror>)
  target_compile_definitions(edb_${name} PRIVATE EDB_BUILD $<$<NOT:$<CONFIG:Release>>:EDB_DEBUG>)
endfunction()

# edb_test(NAME LAYER sources...): a cmocka program over the objects of LAYER and those before it.
function(edb_test name layer)
  if(NOT EDB_TESTS)
    return()
  endif()
  set(objects)
  foreach(l IN LISTS EDB_LAYERS)
    if(TARGET edb_${l})
      list(APPEND objects $<TARGET_OBJECTS:edb_${l}>)
    endif()
    if(l STREQUAL layer)
      break()
    endif()
  endforeach()
  add_executable(${name} ${ARGN} ${objects})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src
                                             ${CMAKE_SOURCE_DIR}/tests)
  target_compile_options(${name} PRIVATE -Wall -Wextra $<$<BOOL:${EDB_WERROR}>:-Werror> -UNDEBUG)
  target_compile_definitions(${name} PRIVATE EDB_BUILD EDB_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                                             $<$<NOT:$<CONFIG:Release>>:EDB_DEBUG>)
  target_link_libraries(${name} PRIVATE cmocka m Threads::Threads)
  add_test(NAME ${name} COMMAND ${name})
endfunction()
