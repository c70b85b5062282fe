foreach(module IN ITEMS definition definition_lint definition_mistakes status text)
	sagad_unit_test(client_${module} SOURCES client_${module}.c LIBS sagad_client)
endforeach()
foreach(module IN ITEMS barrier_sqlite barrier_kinds_sqlite barrier_race_sqlite
		barrier_worked_sqlite)
	sagad_unit_test(client_${module} SOURCES client_${module}.c LIBS sagad_client_sqlite)
endforeach()
sagad_unit_test(client_barrier SOURCES client_barrier.c LIBS sagad_client_barrier)
sagad_unit_test(client_definition_memory SOURCES client_definition_memory.c LIBS sagad_client)
target_link_options(test_client_definition_memory PRIVATE
	-Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc)
sagad_unit_test(client_schema SOURCES client_schema_jansson.c LIBS sagad_client PkgConfig::JANSSON)
target_compile_definitions(test_client_schema PRIVATE SAGAD_SOURCE_DIR="${CMAKE_SOURCE_DIR}")

# By another implementation; not everywhere is one.
find_package(Python3 COMPONENTS Interpreter QUIET)
if(Python3_Interpreter_FOUND)
	add_test(NAME unit.client_schema_verify COMMAND "${Python3_EXECUTABLE}"
		"${CMAKE_SOURCE_DIR}/tests/vectors/definition/verify.py" "${CMAKE_SOURCE_DIR}")
	set_tests_properties(unit.client_schema_verify PROPERTIES LABELS unit TIMEOUT 60
		SKIP_RETURN_CODE 77)
endif()
