# Uses what trip.cmake makes.
sagad_integration_test(trip_replicas SOURCES trip_replicas.c LIBS sagad_trip TIMEOUT 300)
