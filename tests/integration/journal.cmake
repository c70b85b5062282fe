foreach(module IN ITEMS jetstream init init_crash)
	sagad_integration_test(journal_${module}
		SOURCES journal_${module}.c journal_bench.c
		LIBS sagad_journal_jetstream sagad_transport_nats sagad_launcher PkgConfig::UV
		LABELS integration_san)
endforeach()
sagad_integration_test(journal_cluster
	SOURCES journal_cluster.c journal_bench.c
	LIBS sagad_journal_jetstream sagad_transport_nats sagad_launcher PkgConfig::UV)
sagad_integration_test(journal_rollup
	SOURCES journal_rollup_nats.c
	LIBS sagad_launcher sagad_base_os sagad_journal PkgConfig::NATS
	TIMEOUT 300)
