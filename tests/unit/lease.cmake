sagad_unit_test(lease_codec SOURCES lease_codec.c LIBS sagad_lease_etcd)
