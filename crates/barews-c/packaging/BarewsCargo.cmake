# barews_cargo(LIBRARY TARGET FEATURES) builds the static library for a Rust target, sets LIBRARY to its path, and makes a custom
# target `barews_library`. OPT_LEVEL of the library: BAREWS_OPT_LEVEL, "s" by default.
if(NOT DEFINED BAREWS_OPT_LEVEL)
  set(BAREWS_OPT_LEVEL s)
endif()
function(barews_cargo library target features)
  get_filename_component(crate "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/.." ABSOLUTE)
  set(directory "${CMAKE_CURRENT_BINARY_DIR}/barews")
  set(output "${directory}/libbarews.a")
  add_custom_command(OUTPUT "${output}"
    COMMAND make -C "${crate}" "BUILD=${directory}" "TARGET=${target}" "FEATURES=${features}" "OPT=${BAREWS_OPT_LEVEL}"
      "${output}"
    USES_TERMINAL VERBATIM COMMENT "cargo: barews for ${target}")
  add_custom_target(barews_library DEPENDS "${output}")
  set(${library} "${output}" PARENT_SCOPE)
endfunction()
