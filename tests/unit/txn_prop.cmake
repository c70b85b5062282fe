sagad_unit_test(txn_found SOURCES txn_found.c txn_host.c LIBS sagad_txn)
