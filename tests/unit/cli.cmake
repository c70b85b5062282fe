sagad_unit_test(cli_options SOURCES cli_options.c LIBS sagad_cli)
sagad_unit_test(cli_main SOURCES cli_main.c LIBS sagad_cli PkgConfig::JANSSON)
sagad_unit_test(cli_views SOURCES cli_views.c LIBS sagad_cli PkgConfig::JANSSON)
