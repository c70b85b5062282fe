# A measurement, not a test: docs/decisions/0001-wire-reader.md.
add_executable(wire_reader_msgpack "${CMAKE_CURRENT_LIST_DIR}/wire_reader_msgpack.c")
target_link_libraries(wire_reader_msgpack PRIVATE sagad_wire sagad_base sagad_base_os
	PkgConfig::MSGPACK)
