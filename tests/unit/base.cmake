foreach(module IN ITEMS arena base64 buf check error hash id metrics near prng slab timer_heap units)
	sagad_unit_test(base_${module} SOURCES base_${module}.c LIBS sagad_base)
endforeach()
# The tests fail an allocation of buf.c on purpose.
target_link_options(test_base_buf PRIVATE -Wl,--wrap=realloc -Wl,--wrap=malloc)

sagad_unit_test(base_os SOURCES base_os.c LIBS sagad_base_os)
sagad_unit_test(base_os_log SOURCES base_os_log.c LIBS sagad_base_os PkgConfig::JANSSON)
sagad_unit_test(base_error_doc SOURCES base_error_doc.c LIBS sagad_base)
