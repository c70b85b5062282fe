if(TARGET travel_check)
	sagad_unit_test(travel_check SOURCES travel_check.c LIBS travel_check PkgConfig::SQLITE)
	target_compile_definitions(test_travel_check PRIVATE
		TRAVEL_MAKE_BOOKINGS="$<TARGET_FILE:travel-make-bookings>")
	add_dependencies(test_travel_check travel-make-bookings)
endif()
