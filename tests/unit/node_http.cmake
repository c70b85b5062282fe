if(TARGET sagad_node_http)
	sagad_unit_test(node_health SOURCES node_health.c LIBS sagad_node_http)
	sagad_unit_test(node_http SOURCES node_http.c LIBS sagad_node_http)
endif()
