# Helpers for tests/unit/*.cmake and tests/integration/*.cmake.
#
#   sagad_unit_test(<name> SOURCES <file>... [LIBS <target>...] [TIMEOUT <s>] [LABELS <l>...])
#   sagad_integration_test(<same>)
#
# makes one cmocka executable `test_<name>` and registers it as ctest `unit.<name>` or
# `integration.<name>`. A source is looked for beside the calling file, then from the source root.
# Labels: integration_san = `./dev test` runs it under asan; integration_tsan = and under tsan (where
# threads of ours meet); integration_plain comes by itself and means neither: without a sanitizer.
# `./dev test integration` is the thorough one: all without, and what has integration_san under both.
#
# Tests see SAGAD_SOURCE_DIR and SAGAD_BUILD_DIR as macros.

set(SAGAD_TEST_ENVIRONMENT
	"ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1"
	"LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/tools/lsan.supp:print_suppressions=0"
	"UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1"
	"TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/tools/tsan.supp:second_deadlock_stack=1")

function(sagad_add_test kind default_timeout name)
	cmake_parse_arguments(PARSE_ARGV 3 arg "" "TIMEOUT" "SOURCES;LIBS;LABELS")
	if(NOT arg_SOURCES OR arg_UNPARSED_ARGUMENTS)
		message(FATAL_ERROR "${kind} test ${name}: give SOURCES; unknown: ${arg_UNPARSED_ARGUMENTS}")
	endif()
	set(sources "")
	foreach(source IN LISTS arg_SOURCES)
		if(EXISTS "${CMAKE_CURRENT_LIST_DIR}/${source}")
			list(APPEND sources "${CMAKE_CURRENT_LIST_DIR}/${source}")
		else()
			list(APPEND sources "${CMAKE_SOURCE_DIR}/${source}")
		endif()
	endforeach()
	if(NOT arg_TIMEOUT)
		set(arg_TIMEOUT ${default_timeout})
	endif()
	if(kind STREQUAL "integration" AND NOT "integration_san" IN_LIST arg_LABELS)
		list(APPEND arg_LABELS integration_plain)
	endif()

	add_executable(test_${name} ${sources})
	target_link_libraries(test_${name} PRIVATE ${arg_LIBS} PkgConfig::CMOCKA Threads::Threads)
	target_compile_definitions(test_${name} PRIVATE
		SAGAD_SOURCE_DIR="${CMAKE_SOURCE_DIR}" SAGAD_BUILD_DIR="${CMAKE_BINARY_DIR}")
	add_test(NAME ${kind}.${name} COMMAND test_${name})
	set_tests_properties(${kind}.${name} PROPERTIES
		LABELS "${kind};${arg_LABELS}" TIMEOUT ${arg_TIMEOUT}
		ENVIRONMENT "${SAGAD_TEST_ENVIRONMENT}")
	get_property(covered GLOBAL PROPERTY SAGAD_COVERED)
	foreach(library IN LISTS arg_LIBS)
		if(kind STREQUAL "unit" AND library IN_LIST covered)
			sagad_covering(test_${name} ${kind}.${name})
			break()
		endif()
	endforeach()
endfunction()

macro(sagad_unit_test name)
	sagad_add_test(unit 60 ${name} ${ARGN})
endmacro()

macro(sagad_integration_test name)
	sagad_add_test(integration 180 ${name} ${ARGN})
endmacro()
