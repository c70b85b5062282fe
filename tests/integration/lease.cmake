sagad_integration_test(lease_etcd
	SOURCES lease_etcd.c lease_etcd_faults.c lease_etcd_tls.c lease_etcd_host.c
	LIBS sagad_lease_etcd sagad_launcher PkgConfig::UV
	LABELS integration_san)
sagad_integration_test(sharding_etcd
	SOURCES sharding_etcd.c lease_etcd_host.c
	LIBS sagad_sharding sagad_lease_etcd sagad_launcher PkgConfig::UV
	LABELS integration_san)
