# A scripted owner on a real broker; integration_san: they also run under asan and tsan.
foreach(module IN ITEMS calls service)
	sagad_integration_test(client_${module} SOURCES client_${module}.c client_owner_uv.c
		LIBS sagad_client sagad_launcher PkgConfig::UV LABELS integration_san)
endforeach()
