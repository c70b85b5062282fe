sagad_integration_test(cli SOURCES cli.c LIBS sagad_trip PkgConfig::JANSSON)
