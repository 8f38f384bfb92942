# libholdfast: the client and what it needs of the other modules, compiled once more for a shared library: position independent, hidden, each function
# in a section of its own. The only symbols that leave it are those of include/holdfast/holdfast.h.
function(hf_library)
  set(src "${CMAKE_SOURCE_DIR}/src")
  file(GLOB sources CONFIGURE_DEPENDS "${src}/base/*.c" "${src}/codec/session/*.c" "${src}/codec/ws/*.c" "${src}/codec/http1/*.c" "${src}/codec/mqtt/*.c"
       "${src}/codec/json/*.c" "${src}/codec/uri/*.c" "${src}/core/session/*.c" "${src}/client/*.c" "${src}/client/session/*.c"
       "${src}/client/mqtt/*.c" "${src}/client/store/*.c")
  list(FILTER sources EXCLUDE REGEX "_(test|fuzz|main)\\.c$")
  list(FILTER sources EXCLUDE REGEX "/ws/(deflate|inflate|zmem)\\.c$") # the client offers no compression
  list(APPEND sources "${src}/core/topic.c") # what a topic may be
  foreach(file connect_fd entropy socket socket_info thread tls_client tls_deny tls_files tls_library tls_peer)
    list(APPEND sources "${src}/io/${file}.c")
  endforeach()
  add_library(holdfast_objects OBJECT ${sources})
  set_target_properties(holdfast_objects PROPERTIES POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden)
  target_compile_options(holdfast_objects PRIVATE -Os -ffunction-sections -fdata-sections)
  target_include_directories(holdfast_objects PUBLIC "${src}" "${CMAKE_SOURCE_DIR}/include")
  target_link_libraries(holdfast_objects PUBLIC PkgConfig::OPENSSL PkgConfig::SQLITE Threads::Threads)

  add_library(holdfast_shared SHARED $<TARGET_OBJECTS:holdfast_objects>)
  set_target_properties(holdfast_shared PROPERTIES OUTPUT_NAME holdfast VERSION ${PROJECT_VERSION} SOVERSION 0)
  target_include_directories(holdfast_shared INTERFACE "${CMAKE_SOURCE_DIR}/include")
  target_link_libraries(holdfast_shared PRIVATE PkgConfig::OPENSSL PkgConfig::SQLITE Threads::Threads m)
  target_link_options(holdfast_shared PRIVATE "LINKER:--version-script,${CMAKE_SOURCE_DIR}/cmake/libholdfast.map" LINKER:--gc-sections
                      LINKER:--as-needed)
  if(NOT HF_SANITIZE) # clang leaves the sanitizer's own functions to the program
    target_link_options(holdfast_shared PRIVATE LINKER:--no-undefined)
  endif()
  set_target_properties(holdfast_shared PROPERTIES LINK_DEPENDS "${CMAKE_SOURCE_DIR}/cmake/libholdfast.map")

  # The static one: one object, whose hidden symbols are made local, so that it cannot clash with the program's.
  add_custom_command(OUTPUT "${CMAKE_BINARY_DIR}/libholdfast.a"
    COMMAND ${CMAKE_LINKER} -r -o libholdfast.o $<TARGET_OBJECTS:holdfast_objects>
    COMMAND ${CMAKE_OBJCOPY} --localize-hidden libholdfast.o
    COMMAND ${CMAKE_COMMAND} -E rm -f libholdfast.a
    COMMAND ${CMAKE_AR} rcs libholdfast.a libholdfast.o
    DEPENDS holdfast_objects $<TARGET_OBJECTS:holdfast_objects> COMMAND_EXPAND_LISTS VERBATIM)
  add_custom_target(holdfast_static ALL DEPENDS "${CMAKE_BINARY_DIR}/libholdfast.a")

  file(GLOB examples CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/examples/*.c")
  foreach(file ${examples})
    get_filename_component(example ${file} NAME_WE)
    add_executable(${example} ${file})
    target_link_libraries(${example} PRIVATE holdfast_shared Threads::Threads)
    set_target_properties(${example} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/examples")
  endforeach()

  configure_file("${CMAKE_SOURCE_DIR}/cmake/holdfast.pc.in" "${CMAKE_BINARY_DIR}/holdfast.pc" @ONLY)
  install(TARGETS holdfast_shared LIBRARY DESTINATION lib)
  install(FILES "${CMAKE_BINARY_DIR}/libholdfast.a" DESTINATION lib)
  install(FILES "${CMAKE_BINARY_DIR}/holdfast.pc" DESTINATION lib/pkgconfig)
  install(FILES "${CMAKE_SOURCE_DIR}/include/holdfast/holdfast.h" DESTINATION include/holdfast)
  install(PROGRAMS "$<TARGET_FILE:holdfast>" "$<TARGET_FILE:holdfast-agent>" DESTINATION bin)
endfunction()
