# The web console: console/dist, which scripts/console makes of console/src, becomes part of the gateway. dist is in the repository, so that this needs no node and no network.
function(hf_console)
  file(GLOB files CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/console/dist/*")
  add_executable(console_pack "${CMAKE_SOURCE_DIR}/cmake/console/pack.c")
  target_link_libraries(console_pack PRIVATE PkgConfig::OPENSSL PkgConfig::ZLIB)
  set(out "${CMAKE_BINARY_DIR}/console_files.c")
  add_custom_command(OUTPUT "${out}" COMMAND console_pack "${out}" ${files} DEPENDS console_pack ${files} VERBATIM)
  target_sources(hf_app PRIVATE "${out}")
endfunction()
