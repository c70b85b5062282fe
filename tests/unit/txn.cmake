foreach(module IN ITEMS admission delivery flow forward inbox limits meter replay requests settings tables takeover undo)
	sagad_unit_test(txn_${module} SOURCES txn_${module}.c txn_host.c LIBS sagad_txn)
endforeach()

sagad_unit_test(txn_random
	SOURCES txn_random.c txn_world.c txn_world_check.c txn_host.c LIBS sagad_txn)
foreach(module IN ITEMS bounds carry carry_refuse fold verify)
	sagad_unit_test(txn_${module}
		SOURCES txn_${module}.c txn_states.c txn_courses.c txn_host.c LIBS sagad_txn)
endforeach()
sagad_unit_test(txn_recorded SOURCES txn_recorded.c LIBS sagad_txn)
