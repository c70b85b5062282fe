if(TARGET sagad_node)
	sagad_unit_test(node_init SOURCES node_init.c LIBS sagad_node)
endif()
