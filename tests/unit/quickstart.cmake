if(TARGET quickstart_check)
	sagad_unit_test(quickstart_check SOURCES quickstart_check.c LIBS quickstart_check)
endif()
