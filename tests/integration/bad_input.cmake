sagad_integration_test(bad_input
	SOURCES bad_input_main.c bad_input_nats.c bad_input_forms.c bad_input_requests.c
		bad_input_replies.c bad_input_commands.c
	LIBS sagad_trip wire_test_support sagad_base_os PkgConfig::NATS PkgConfig::JANSSON
	TIMEOUT 300 LABELS integration_san)
