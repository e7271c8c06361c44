# find_package(barews) defines the targets barews::barews, the static library, and barews::shared.
get_filename_component(_barews_lib "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
find_path(BAREWS_INCLUDE_DIR barews.h HINTS "${_barews_lib}/../include" REQUIRED)
if(NOT TARGET barews::barews)
  add_library(barews::barews STATIC IMPORTED)
  set_target_properties(barews::barews PROPERTIES
    IMPORTED_LOCATION "${_barews_lib}/libbarews.a"
    IMPORTED_LINK_INTERFACE_LANGUAGES C
    INTERFACE_INCLUDE_DIRECTORIES "${BAREWS_INCLUDE_DIR}")
endif()
if(NOT TARGET barews::shared AND EXISTS "${_barews_lib}/libbarews.so")
  add_library(barews::shared SHARED IMPORTED)
  set_target_properties(barews::shared PROPERTIES
    IMPORTED_LOCATION "${_barews_lib}/libbarews.so"
    INTERFACE_INCLUDE_DIRECTORIES "${BAREWS_INCLUDE_DIR}")
endif()
unset(_barews_lib)
