foreach(module IN ITEMS nats nats_faults nats_load nats_security nats_storm)
	sagad_integration_test(transport_${module}
		SOURCES transport_${module}.c transport_nats_server.c
		LIBS sagad_transport_nats sagad_launcher PkgConfig::UV
		LABELS integration_san integration_tsan)
endforeach()
