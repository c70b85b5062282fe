sagad_integration_test(ops SOURCES ops.c LIBS sagad_launcher PkgConfig::JANSSON)
sagad_integration_test(ops_bad SOURCES ops_bad_nats.c LIBS sagad_launcher sagad_wire
	PkgConfig::NATS)
