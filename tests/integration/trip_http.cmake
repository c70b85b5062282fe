sagad_integration_test(trip_http SOURCES trip_http.c trip_http_rules.c LIBS sagad_trip TIMEOUT 500)
