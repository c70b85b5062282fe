if(TARGET sagad AND TARGET sagactl)
	sagad_integration_test(sagad_cluster SOURCES sagad_cluster.c LIBS sagad_launcher)
	target_compile_definitions(test_sagad_cluster PRIVATE
		SAGAD_CLUSTER="$<TARGET_FILE:sagad-cluster>")
	add_dependencies(test_sagad_cluster sagad-cluster)
endif()
