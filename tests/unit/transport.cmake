foreach(module IN ITEMS ack_subject loopback match requests)
	sagad_unit_test(transport_${module} SOURCES transport_${module}.c LIBS sagad_transport)
endforeach()
sagad_unit_test(transport_queue SOURCES transport_queue.c LIBS sagad_transport)
# A private function of the adapter; it takes the adapter's includes with it.
sagad_unit_test(transport_nkey SOURCES transport_nkey_nats.c
	LIBS sagad_transport_nats PkgConfig::NATS PkgConfig::UV)
