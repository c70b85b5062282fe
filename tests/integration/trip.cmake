add_executable(sagad-script-service
	"${CMAKE_SOURCE_DIR}/examples/common/witness_sqlite.c"
	"${CMAKE_SOURCE_DIR}/tests/support/script_service_sqlite.c")
target_link_libraries(sagad-script-service PRIVATE saga saga-sqlite PkgConfig::SQLITE)

add_library(sagad_trip STATIC
	"${CMAKE_SOURCE_DIR}/tests/support/garbage_nats.c"
	"${CMAKE_SOURCE_DIR}/tests/support/history_check_nats.c"
	"${CMAKE_SOURCE_DIR}/tests/support/journal_check_nats.c"
	"${CMAKE_SOURCE_DIR}/tests/support/trip_sqlite.c")
target_link_libraries(sagad_trip PUBLIC sagad_launcher saga sagad_wire
	PRIVATE PkgConfig::SQLITE PkgConfig::CMOCKA PkgConfig::NATS)

sagad_integration_test(trip_answers SOURCES trip_answers.c LIBS sagad_trip)
sagad_integration_test(trip_protocols SOURCES trip_protocols.c LIBS sagad_trip TIMEOUT 400)
sagad_integration_test(trip_busy SOURCES trip_busy.c LIBS sagad_trip TIMEOUT 300)
sagad_integration_test(trip_crash SOURCES trip_crash.c LIBS sagad_trip TIMEOUT 300)
sagad_integration_test(trip_moves SOURCES trip_moves.c LIBS sagad_trip TIMEOUT 300)
sagad_integration_test(trip_san SOURCES trip_san.c LIBS sagad_trip
	LABELS integration_san integration_tsan)
sagad_integration_test(trip_servers SOURCES trip_servers.c LIBS sagad_trip TIMEOUT 300)
sagad_integration_test(trip_parked SOURCES trip_parked_nats.c LIBS sagad_trip PkgConfig::NATS)
sagad_integration_test(trip_submit SOURCES trip_submit_nats.c LIBS sagad_trip sagad_base_os PkgConfig::NATS
	TIMEOUT 300)
sagad_integration_test(trip_inbox SOURCES trip_inbox_nats.c LIBS sagad_trip sagad_base_os PkgConfig::NATS
	TIMEOUT 300)
sagad_integration_test(trip_halted SOURCES trip_halted_nats.c
	LIBS sagad_trip sagad_journal_jetstream PkgConfig::NATS TIMEOUT 300)
sagad_integration_test(trip_direct SOURCES trip_direct_nats.c LIBS sagad_trip PkgConfig::NATS TIMEOUT 300)
sagad_integration_test(trip_crasher SOURCES trip_crasher_nats.c LIBS sagad_trip PkgConfig::NATS
	TIMEOUT 400)
sagad_integration_test(trip_interactive SOURCES trip_interactive_sqlite.c
	LIBS sagad_trip saga-sqlite PkgConfig::SQLITE TIMEOUT 400)
# The stage and the load are the demos'.
sagad_integration_test(trip_judged
	SOURCES trip_judged_sqlite.c trip_judged_plans.c trip_judged_by_hand.c
	LIBS example_judged PkgConfig::SQLITE TIMEOUT 400)
set_tests_properties(integration.trip_judged PROPERTIES COST 100) # long: begins first
sagad_integration_test(trip_history
	SOURCES trip_history_nats.c
	LIBS sagad_trip PkgConfig::NATS TIMEOUT 400)
