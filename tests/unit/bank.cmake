if(TARGET bank_check)
	sagad_unit_test(bank_check SOURCES bank_check.c LIBS bank_check PkgConfig::SQLITE)
	sagad_unit_test(bank_trouble SOURCES bank_trouble.c examples/bank/trouble.c
		LIBS sagad_base example_service)
endif()
