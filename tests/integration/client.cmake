# A scripted owner on a real broker.
foreach(module IN ITEMS blocking busy calls transaction)
	sagad_integration_test(client_${module}
		SOURCES client_${module}.c client_calls_bench_uv.c client_owner_uv.c
		LIBS sagad_client sagad_launcher PkgConfig::UV LABELS integration_san integration_tsan)
endforeach()
foreach(module IN ITEMS crash)
	sagad_integration_test(client_${module} SOURCES client_${module}.c client_owner_uv.c
		LIBS sagad_client sagad_launcher PkgConfig::UV LABELS integration_san integration_tsan)
endforeach()
foreach(module IN ITEMS service service_direct service_stop)
	sagad_integration_test(client_${module}
		SOURCES client_${module}.c client_service_bench.c client_owner_uv.c
		LIBS sagad_client sagad_launcher PkgConfig::UV LABELS integration_san integration_tsan)
endforeach()

# The programs are built without our flags, so they could not load a sanitised library.
if(NOT SAGAD_SANITIZE)
	add_test(NAME integration.client_install
		COMMAND "${CMAKE_CURRENT_LIST_DIR}/client_install.sh"
			"${CMAKE_SOURCE_DIR}" "${CMAKE_BINARY_DIR}"
			"${CMAKE_COMMAND}" "${CMAKE_C_COMPILER}")
	set_tests_properties(integration.client_install PROPERTIES LABELS "integration;integration_plain" TIMEOUT 120)
endif()
