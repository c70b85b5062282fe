# Uses what trip.cmake makes.
sagad_integration_test(trip_replicas SOURCES trip_replicas.c LIBS sagad_trip TIMEOUT 300)
set_tests_properties(integration.trip_replicas PROPERTIES COST 100) # long: begins first
