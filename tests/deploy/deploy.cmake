# deploy/: what needs neither a cluster nor privileges. 77 = the tool is not here; `./dev test` brings
# what there is as a Debian package.
if(NOT SAGAD_SANITIZE AND NOT SAGAD_COVERAGE AND TARGET sagad)
	add_test(NAME unit.deploy_systemd COMMAND
		"${CMAKE_SOURCE_DIR}/tests/deploy/systemd.sh" "${CMAKE_SOURCE_DIR}" "$<TARGET_FILE:sagad>")
	set_tests_properties(unit.deploy_systemd PROPERTIES LABELS "unit" TIMEOUT 120
		SKIP_RETURN_CODE 77)
	add_test(NAME unit.deploy_docker COMMAND
		"${CMAKE_SOURCE_DIR}/tests/deploy/docker.sh" "${CMAKE_SOURCE_DIR}")
	set_tests_properties(unit.deploy_docker PROPERTIES LABELS "unit" TIMEOUT 60)
	add_test(NAME unit.deploy_k8s_readme COMMAND
		"${CMAKE_SOURCE_DIR}/tests/deploy/k8s_readme.py" "${CMAKE_SOURCE_DIR}")
	set_tests_properties(unit.deploy_k8s_readme PROPERTIES LABELS "unit" TIMEOUT 120
		SKIP_RETURN_CODE 77 ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1")
	add_test(NAME unit.deploy_k8s_policy COMMAND
		"${CMAKE_SOURCE_DIR}/tests/deploy/test_k8s_policy.py" "${CMAKE_SOURCE_DIR}")
	set_tests_properties(unit.deploy_k8s_policy PROPERTIES LABELS "unit" TIMEOUT 120
		SKIP_RETURN_CODE 77 ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1")
endif()
