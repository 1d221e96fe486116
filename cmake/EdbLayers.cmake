# The layers of the library; each may include only itself and those before it. This list is the one
# that scripts/check-layers reads.
set(EDB_LAYERS base graph policy model layout kernel exec data)

# edb_layer(NAME sources...): the objects of one layer.
function(edb_layer name)
  add_library(edb_${name} OBJECT ${ARGN})
  target_include_directories(edb_${name} PUBLIC ${PROJECT_SOURCE_DIR}/include
                                                ${PROJECT_SOURCE_DIR}/src)
  target_compile_options(edb_${name} PRIVATE ${EDB_C_FLAGS})
  target_compile_definitions(edb_${name} PRIVATE ${EDB_C_DEFINITIONS})
endfunction()

# edb_layer_objects(OUT LAST): the objects of all layers up to LAST.
function(edb_layer_objects out last)
  set(objects)
  foreach(layer IN LISTS EDB_LAYERS)
    list(APPEND objects $<TARGET_OBJECTS:edb_${layer}>)
    if(layer STREQUAL last)
      break()
    endif()
  endforeach()
  set(${out} ${objects} PARENT_SCOPE)
endfunction()

# edb_test(NAME LAYER sources...): a cmocka program over the objects of LAYER and those before it. Its
# ctest labels are the layer and, if it starts threads, `threads`.
function(edb_test name layer)
  if(NOT EDB_TESTS)
    return()
  endif()
  edb_layer_objects(objects ${layer})
  add_executable(${name} ${ARGN} ${objects})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src
                                             ${PROJECT_SOURCE_DIR}/tests ${CMOCKA_INCLUDE_DIR})
  target_compile_options(${name} PRIVATE -Wall -Wextra $<$<BOOL:${EDB_WERROR}>:-Werror> -UNDEBUG
                                         -ffp-contract=off)
  target_compile_definitions(${name} PRIVATE ${EDB_C_DEFINITIONS}
                                             EDB_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE ${CMOCKA_LIBRARY} m Threads::Threads)

  set(labels ${layer})
  foreach(source IN LISTS ARGN)
    file(STRINGS ${source} starts_threads REGEX "pthread_create|thrd_create" LIMIT_COUNT 1)
    if(starts_threads)
      list(APPEND labels threads)
      if(NOT TARGET thread_tests)
        add_custom_target(thread_tests) # what the thread sanitizer is for
      endif()
      add_dependencies(thread_tests ${name})
    endif()
  endforeach()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT ${EDB_TEST_TIMEOUT})
endfunction()
