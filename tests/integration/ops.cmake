sagad_integration_test(ops SOURCES ops.c LIBS sagad_launcher PkgConfig::JANSSON)
