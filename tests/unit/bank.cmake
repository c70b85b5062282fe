if(TARGET bank_check)
	sagad_unit_test(bank_check SOURCES bank_check.c LIBS bank_check PkgConfig::SQLITE)
endif()
