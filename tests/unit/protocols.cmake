# Scenarios of each protocol on the pure engine, and what they cost.
foreach(module IN ITEMS counts interactive pivot votes)
	sagad_unit_test(txn_${module}
		SOURCES txn_${module}.c txn_courses.c txn_host.c LIBS sagad_txn)
endforeach()
