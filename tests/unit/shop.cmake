if(TARGET shop_check)
	sagad_unit_test(shop_check SOURCES shop_check.c LIBS shop_check shop_wishes PkgConfig::SQLITE)
endif()
