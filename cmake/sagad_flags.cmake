# The one place for compiler flags: target sagad_flags, linked into everything.
set(SAGAD_SANITIZE "" CACHE STRING
	"address (ASan and UBSan), fuzzer (the same and libFuzzer: clang only), thread (TSan) or empty")
set_property(CACHE SAGAD_SANITIZE PROPERTY STRINGS "" address fuzzer thread)

if(NOT CMAKE_BUILD_TYPE)
	set(CMAKE_BUILD_TYPE Debug CACHE STRING "Debug or Release" FORCE)
endif()

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# NDEBUG is never defined: CHECK and assert stay on in what is shipped.
set(CMAKE_C_FLAGS_DEBUG "-O0 -g")
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_C_FLAGS_MINSIZEREL "-Os -g")

add_library(sagad_flags INTERFACE)
target_include_directories(sagad_flags INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_definitions(sagad_flags INTERFACE _GNU_SOURCE)
target_compile_options(sagad_flags INTERFACE
	-Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
	-Wmissing-prototypes -Wformat=2 -Wvla -Wold-style-definition -Wimplicit-fallthrough
	-Werror -fstack-protector-strong -fno-common)

if(SAGAD_SANITIZE STREQUAL "address")
	set(sanitize_flags -fsanitize=address,undefined -fno-sanitize-recover=all)
elseif(SAGAD_SANITIZE STREQUAL "fuzzer")
	if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
		message(FATAL_ERROR "SAGAD_SANITIZE=fuzzer needs clang: use the preset fuzz")
	endif()
	set(sanitize_flags -fsanitize=fuzzer-no-link,address,undefined
		-fno-sanitize-recover=all)
elseif(SAGAD_SANITIZE STREQUAL "thread")
	set(sanitize_flags -fsanitize=thread)
elseif(NOT SAGAD_SANITIZE STREQUAL "")
	message(FATAL_ERROR "SAGAD_SANITIZE is '${SAGAD_SANITIZE}': use address, fuzzer, thread or nothing")
endif()

if(sanitize_flags)
	target_compile_options(sagad_flags INTERFACE ${sanitize_flags} -fno-omit-frame-pointer -O1)
	target_link_options(sagad_flags INTERFACE ${sanitize_flags})
else()
	# Fortify needs an optimiser; the sanitizers check more and get in its way.
	target_compile_definitions(sagad_flags INTERFACE
		$<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2>)
	target_link_options(sagad_flags INTERFACE -Wl,-z,relro,-z,now)
endif()

find_program(SAGAD_CCACHE ccache)
if(SAGAD_CCACHE AND NOT CMAKE_C_COMPILER_LAUNCHER)
	set(CMAKE_C_COMPILER_LAUNCHER "${SAGAD_CCACHE}")
endif()
