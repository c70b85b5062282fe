if(TARGET quickstart-demo AND TARGET sagad AND TARGET sagactl)
	sagad_integration_test(quickstart SOURCES quickstart.c LIBS sagad_launcher)
	target_compile_definitions(test_quickstart PRIVATE
		QUICKSTART_DEMO="$<TARGET_FILE:quickstart-demo>")
	add_dependencies(test_quickstart quickstart-demo)
endif()
