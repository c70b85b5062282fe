if(TARGET sagad_node)
	sagad_unit_test(node_notify SOURCES node_notify_systemd.c LIBS sagad_node)
endif()
