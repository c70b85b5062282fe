sagad_integration_test(trip_http SOURCES trip_http.c trip_http_ask.c trip_http_rules.c
	LIBS sagad_trip TIMEOUT 500)
sagad_integration_test(trip_http_san SOURCES trip_http_san.c trip_http_ask.c LIBS sagad_trip
	LABELS integration_san integration_tsan)
