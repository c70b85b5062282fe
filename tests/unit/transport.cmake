foreach(module IN ITEMS ack_subject loopback match requests)
	sagad_unit_test(transport_${module} SOURCES transport_${module}.c LIBS sagad_transport)
endforeach()
sagad_unit_test(transport_queue SOURCES transport_queue.c LIBS sagad_transport)
# Private functions of the adapter; they take the adapter's includes with it.
sagad_unit_test(transport_nkey SOURCES transport_nkey_nats.c
	LIBS sagad_transport_nats PkgConfig::NATS PkgConfig::UV)
sagad_unit_test(transport_servers SOURCES transport_servers_nats.c
	LIBS sagad_transport_nats PkgConfig::NATS PkgConfig::UV)
