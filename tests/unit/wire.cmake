add_library(wire_test_support STATIC EXCLUDE_FROM_ALL
	"${CMAKE_SOURCE_DIR}/tests/unit/wire_support.c")
target_link_libraries(wire_test_support PUBLIC sagad_wire sagad_base)

sagad_unit_test(wire_schema SOURCES wire_schema.c LIBS sagad_wire)
sagad_unit_test(wire_roundtrip SOURCES wire_roundtrip.c LIBS wire_test_support)
sagad_unit_test(wire_damage SOURCES wire_damage.c LIBS wire_test_support)
sagad_unit_test(wire_refuse SOURCES wire_refuse.c wire_json.c
	LIBS wire_test_support PkgConfig::JANSSON)
sagad_unit_test(wire_limits SOURCES wire_limits.c LIBS wire_test_support)
sagad_unit_test(wire_render SOURCES wire_render.c LIBS wire_test_support)
sagad_unit_test(wire_plan SOURCES wire_plan.c LIBS sagad_wire)
sagad_unit_test(wire_pick SOURCES wire_pick.c LIBS sagad_wire)
sagad_unit_test(wire_plan_rules SOURCES wire_plan_rules.c LIBS sagad_wire)
sagad_unit_test(wire_plan_cache SOURCES wire_plan_cache.c LIBS sagad_wire)
sagad_unit_test(wire_batch SOURCES wire_batch.c LIBS wire_test_support)
sagad_unit_test(wire_archive_entry SOURCES wire_archive_entry.c LIBS sagad_wire)
sagad_unit_test(wire_subject SOURCES wire_subject.c LIBS sagad_wire)
sagad_unit_test(wire_vectors SOURCES wire_vectors.c wire_json.c
	LIBS wire_test_support PkgConfig::JANSSON)

sagad_unit_test(wire_doc SOURCES wire_doc.c LIBS sagad_wire)

# A second implementation judges the vectors. Not everywhere is a Python, and sagad needs none.
find_package(Python3 COMPONENTS Interpreter QUIET)
if(Python3_Interpreter_FOUND)
	add_test(NAME unit.wire_vectors_verify COMMAND "${Python3_EXECUTABLE}"
		"${CMAKE_SOURCE_DIR}/tests/vectors/wire/verify.py" "${CMAKE_SOURCE_DIR}")
	set_tests_properties(unit.wire_vectors_verify PROPERTIES LABELS unit TIMEOUT 60)
endif()
