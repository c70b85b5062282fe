sagad_unit_test(sharding_plan SOURCES sharding_plan.c LIBS sagad_sharding)
sagad_unit_test(sharding_goal SOURCES sharding_goal.c LIBS sagad_sharding TIMEOUT 240)
sagad_unit_test(sharding_steps SOURCES sharding_steps.c LIBS sagad_sharding)
sagad_unit_test(sharding_mark SOURCES sharding_mark.c LIBS sagad_sharding)
sagad_unit_test(sharding_calm
	SOURCES sharding_calm.c sharding_model.c sharding_model_store.c
	LIBS sagad_sharding
	TIMEOUT 240)
sagad_unit_test(sharding_text SOURCES sharding_text.c LIBS sagad_sharding sagad_wire)
sagad_unit_test(sharding_ownership SOURCES sharding_ownership.c LIBS sagad_sharding)
sagad_unit_test(sharding_control
	SOURCES sharding_control.c sharding_model.c sharding_model_store.c
	LIBS sagad_sharding
	TIMEOUT 120)
sagad_unit_test(sharding_moves
	SOURCES sharding_moves.c sharding_model.c sharding_model_store.c
	LIBS sagad_sharding
	TIMEOUT 120)
sagad_unit_test(sharding_standby
	SOURCES sharding_standby.c sharding_model.c sharding_model_store.c
	LIBS sagad_sharding
	TIMEOUT 120)
sagad_unit_test(sharding_hand
	SOURCES sharding_hand.c sharding_model.c sharding_model_store.c
	LIBS sagad_sharding
	TIMEOUT 120)
sagad_unit_test(sharding_random
	SOURCES sharding_random.c sharding_model.c sharding_model_store.c
	LIBS sagad_sharding
	TIMEOUT 240)
sagad_unit_test(sharding_ops SOURCES sharding_ops.c LIBS sagad_sharding sagad_wire)
sagad_unit_test(sharding_operations
	SOURCES sharding_operations.c sharding_model.c sharding_model_store.c
	LIBS sagad_sharding
	TIMEOUT 240)
