foreach(module IN ITEMS forward requests tables takeover undo)
	sagad_unit_test(txn_${module} SOURCES txn_${module}.c txn_host.c LIBS sagad_txn)
endforeach()
