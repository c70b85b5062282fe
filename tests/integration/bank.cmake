if(TARGET bank-demo AND TARGET sagad AND TARGET sagactl)
	sagad_integration_test(bank SOURCES bank.c LIBS sagad_launcher TIMEOUT 500)
	target_compile_definitions(test_bank PRIVATE BANK_DEMO="$<TARGET_FILE:bank-demo>")
	add_dependencies(test_bank bank-demo)
	set_tests_properties(integration.bank PROPERTIES COST 100) # long: begins first
endif()
