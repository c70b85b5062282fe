if(TARGET travel-demo AND TARGET sagad AND TARGET sagactl)
	sagad_integration_test(travel SOURCES travel.c LIBS sagad_launcher TIMEOUT 300)
	target_compile_definitions(test_travel PRIVATE TRAVEL_DEMO="$<TARGET_FILE:travel-demo>")
	add_dependencies(test_travel travel-demo)
	set_tests_properties(integration.travel PROPERTIES COST 100) # long: begins first
endif()
