sagad_unit_test(txn_found SOURCES txn_found.c txn_host.c LIBS sagad_txn)

# One program, twice, so that two cores share the cases.
sagad_unit_test(txn_prop
	SOURCES txn_prop.c txn_prop_plan.c txn_prop_world.c txn_prop_service.c txn_prop_client.c
		txn_prop_check.c txn_prop_end.c txn_prop_story.c txn_prop_carry.c
	LIBS sagad_txn TIMEOUT 600)
add_test(NAME unit.txn_prop_more COMMAND test_txn_prop --seed 1000000)
set_tests_properties(unit.txn_prop_more PROPERTIES LABELS unit TIMEOUT 600
	ENVIRONMENT "${SAGAD_TEST_ENVIRONMENT}")
