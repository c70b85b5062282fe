# Scenarios of each protocol on the pure engine, and what they cost.
sagad_unit_test(txn_counts SOURCES txn_counts.c txn_courses.c txn_host.c LIBS sagad_txn)
