foreach(part IN ITEMS archive core faults history inbox load memory meter refusals segments standby submit trouble)
	sagad_unit_test(node_${part}
		SOURCES node_${part}.c node_world.c tests/support/model_journal.c
		LIBS sagad_node_core sagad_transport)
endforeach()
sagad_unit_test(node_outbox SOURCES node_outbox.c LIBS sagad_node_core)
sagad_unit_test(node_clock SOURCES node_clock.c LIBS sagad_node_core)
