# libedbatch, static and shared, from the objects of all layers.

list(GET EDB_LAYERS -1 last_layer)
edb_layer_objects(EDB_OBJECTS ${last_layer})

add_library(edbatch_shared SHARED ${EDB_OBJECTS})
add_library(edbatch_static STATIC ${EDB_OBJECTS})
add_library(edbatch::edbatch ALIAS edbatch_shared)
add_library(edbatch::edbatch_static ALIAS edbatch_static)

foreach(library IN ITEMS edbatch_shared edbatch_static)
  set_target_properties(${library} PROPERTIES OUTPUT_NAME edbatch LINKER_LANGUAGE C)
  target_include_directories(${library} INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
  target_link_libraries(${library} PRIVATE m Threads::Threads)
endforeach()
# Before 1.0 each minor version may change the interface, as edbatch-config-version.cmake says too.
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(interface_version 0.${PROJECT_VERSION_MINOR})
else()
  set(interface_version ${PROJECT_VERSION_MAJOR})
endif()
set_target_properties(edbatch_shared PROPERTIES EXPORT_NAME edbatch VERSION ${PROJECT_VERSION}
                                                SOVERSION ${interface_version})
if(NOT EDB_SANITIZE) # the sanitizers' runtime comes with the program
  target_link_options(edbatch_shared PRIVATE -Wl,--no-undefined)
endif()
