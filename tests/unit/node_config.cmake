sagad_unit_test(node_config SOURCES node_config.c LIBS sagad_node_config sagad_base)
