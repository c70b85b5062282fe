if(TARGET sagad AND TARGET sagactl)
	sagad_integration_test(notify SOURCES notify.c LIBS sagad_launcher LABELS integration_san)
	add_dependencies(test_notify sagad sagactl)
endif()
