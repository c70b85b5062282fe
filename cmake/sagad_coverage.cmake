# What `./dev test --coverage` measures and by what.
#
#   sagad_covered(<target>)
#
# says that a library is one of the parts that must be covered. With SAGAD_COVERAGE its objects, and
# no others, count what they run, and CHECK is a call there (base/check.h). The tests that are linked
# to it, and the simulator, get the label `coverage` (sagad_tests.cmake); target `coverage` makes them.
option(SAGAD_COVERAGE "count which lines and branches of the covered parts tests run (gcc only)" OFF)

if(SAGAD_COVERAGE)
	if(NOT CMAKE_C_COMPILER_ID STREQUAL "GNU")
		message(FATAL_ERROR "SAGAD_COVERAGE needs gcc: CHECK is a nested function there")
	endif()
	add_custom_target(coverage)
	add_library(coverage_exit STATIC "${CMAKE_SOURCE_DIR}/tests/tools/coverage_exit.c")
	target_link_libraries(sagad_flags INTERFACE coverage_exit)
	target_link_options(sagad_flags INTERFACE --coverage -Wl,--wrap=_exit
		-Wl,--undefined=__wrap__exit)
endif()

function(sagad_covered target)
	set_property(GLOBAL APPEND PROPERTY SAGAD_COVERED ${target})
	if(SAGAD_COVERAGE)
		target_compile_definitions(${target} PRIVATE SAGAD_COVERAGE)
		target_compile_options(${target} PRIVATE --coverage)
	endif()
endfunction()

# sagad_covering(<target> <test>): this program's test is run for coverage
function(sagad_covering target test)
	if(SAGAD_COVERAGE)
		add_dependencies(coverage ${target})
		set_property(TEST ${test} APPEND PROPERTY LABELS coverage)
	endif()
endfunction()
