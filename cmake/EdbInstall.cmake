# The install target: headers, libraries, the command, the models; found by pkg-config and CMake.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(EDB_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/edbatch)

install(TARGETS edbatch_shared edbatch_static EXPORT edbatch
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/edbatch DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.h")
install(DIRECTORY ${PROJECT_SOURCE_DIR}/models DESTINATION ${CMAKE_INSTALL_DATADIR}/edbatch
        FILES_MATCHING PATTERN "*.edb")
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(TARGET edbatch)
  install(TARGETS edbatch)
  if(EDB_MAN_PAGE)
    install(FILES ${EDB_MAN_PAGE} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  endif()
endif()

install(EXPORT edbatch FILE edbatch-targets.cmake NAMESPACE edbatch:: DESTINATION ${EDB_CMAKE_DIR})
configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/edbatch-config.cmake.in
  ${PROJECT_BINARY_DIR}/edbatch-config.cmake INSTALL_DESTINATION ${EDB_CMAKE_DIR})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/edbatch-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/edbatch-config.cmake
              ${PROJECT_BINARY_DIR}/edbatch-config-version.cmake DESTINATION ${EDB_CMAKE_DIR})

# Paths relative to the file's own folder, so that the installed tree can be moved; unless folders are
# given from the root, as some distributions do.
set(EDB_PC_DIR ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(EDB_PC_PREFIX ${CMAKE_INSTALL_PREFIX})
else()
  file(RELATIVE_PATH to_prefix /prefix/${EDB_PC_DIR} /prefix)
  set(EDB_PC_PREFIX "\${pcfiledir}/${to_prefix}")
endif()
foreach(folder IN ITEMS LIBDIR INCLUDEDIR)
  set(EDB_PC_${folder} ${CMAKE_INSTALL_${folder}})
  if(NOT IS_ABSOLUTE "${EDB_PC_${folder}}")
    string(PREPEND EDB_PC_${folder} "\${prefix}/")
  endif()
endforeach()
configure_file(${PROJECT_SOURCE_DIR}/cmake/edbatch.pc.in ${PROJECT_BINARY_DIR}/edbatch.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/edbatch.pc DESTINATION ${EDB_PC_DIR})
