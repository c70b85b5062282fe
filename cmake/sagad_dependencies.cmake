# Foreign libraries as imported targets, e.g. PkgConfig::NATS. Link them PRIVATE, and only into
# the adapter that is named after them.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

function(sagad_dependency name)
	pkg_search_module(${name} REQUIRED IMPORTED_TARGET GLOBAL ${ARGN})
endfunction()

sagad_dependency(NATS libnats)
sagad_dependency(UV libuv)
sagad_dependency(CURL libcurl)
sagad_dependency(SQLITE sqlite3)
sagad_dependency(JANSSON jansson)
sagad_dependency(MICROHTTPD libmicrohttpd)
sagad_dependency(YAML yaml-0.1)
sagad_dependency(XXHASH libxxhash)
sagad_dependency(CRYPTO libcrypto)
if(BUILD_TESTING)
	sagad_dependency(CMOCKA cmocka)
	# To measure against only. Debian 12 calls it msgpack.
	sagad_dependency(MSGPACK msgpack-c msgpack)
endif()
