# House rules as tests: each must fail on a planted mistake, which unit.gates_find proves.
function(sagad_gate name)
	add_test(NAME unit.gate_${name} COMMAND
		"${CMAKE_SOURCE_DIR}/tests/tools/gate_${name}.sh" "${CMAKE_SOURCE_DIR}" ${ARGN})
	set_tests_properties(unit.gate_${name} PROPERTIES LABELS "unit;gate" TIMEOUT 60)
endfunction()

# They look at sources and plain archives: once is enough, and sanitizers and counters add symbols.
if(NOT SAGAD_SANITIZE AND NOT SAGAD_COVERAGE)
	sagad_gate(includes)
	sagad_gate(calls)
	sagad_gate(lengths)
	sagad_gate(links)
	sagad_gate(symbols "${CMAKE_BINARY_DIR}" "${CMAKE_NM}")
	# Each change that breaks a rule still applies; `./dev mutants` sees the tests fail with it.
	add_test(NAME unit.gate_mutants COMMAND
		"${CMAKE_SOURCE_DIR}/tests/mutants/mutants.sh" --check "${CMAKE_SOURCE_DIR}")
	set_tests_properties(unit.gate_mutants PROPERTIES LABELS "unit;gate" TIMEOUT 60)
	add_test(NAME unit.gates_find COMMAND "${CMAKE_SOURCE_DIR}/tests/tools/test_gates.sh"
		"${CMAKE_C_COMPILER}" "${CMAKE_AR}" "${CMAKE_NM}")
	set_tests_properties(unit.gates_find PROPERTIES LABELS "unit;gate" TIMEOUT 120)
	if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
		add_test(NAME unit.gate_coverage COMMAND "${CMAKE_SOURCE_DIR}/tests/tools/test_coverage.sh"
			"${CMAKE_SOURCE_DIR}" "${CMAKE_C_COMPILER}")
		set_tests_properties(unit.gate_coverage PROPERTIES LABELS "unit;gate" TIMEOUT 60)
	endif()
endif()

add_test(NAME unit.prometheus COMMAND "${CMAKE_SOURCE_DIR}/tests/tools/test_prometheus.sh"
	"${CMAKE_SOURCE_DIR}")
set_tests_properties(unit.prometheus PROPERTIES LABELS unit TIMEOUT 60 SKIP_RETURN_CODE 77)
