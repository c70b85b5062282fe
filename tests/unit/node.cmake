sagad_unit_test(node_core SOURCES node_core.c tests/support/model_journal.c
	LIBS sagad_node_core sagad_transport)
sagad_unit_test(node_outbox SOURCES node_outbox.c LIBS sagad_node_core)
