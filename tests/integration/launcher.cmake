sagad_integration_test(launcher SOURCES launcher.c LIBS sagad_launcher)
