#!/usr/bin/env bash
# Builds the programs, then the file trees of the images, each complete and to be used as it is.
# The Dockerfile runs it in its build stage.
# Use: build.sh <sources> <build folder> <output folder>: makes <output>/sagad and <output>/travel

set -euo pipefail
export LC_ALL=C
source=$1
build=$2
output=$3
uid=10001
epoch=${SOURCE_DATE_EPOCH:-0}
triplet=$(gcc -print-multiarch)
export SOURCE_DATE_EPOCH=$epoch

# No path of this machine gets into the programs.
flags="-ffile-prefix-map=$source=. -ffile-prefix-map=$build=build"
cmake -S "$source" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF \
	-DCMAKE_C_FLAGS="$flags" -DSAGAD_REVISION="${REVISION:-unknown}"
ninja -C "$build" node/all cli/all examples/travel/all

# Every library that these programs load, however deep, as "name path".
libraries() {
	ldd "$@" | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\/.*ld-linux/ { print $1 }' | sort -u
}

# copy_library <tree> <path>: under the name that it is loaded by
copy_library() {
	local tree=$1 path=$2
	case $path in
	/lib64/* | /lib/ld-linux*) install -D -m 755 "$path" "$tree/usr${path}" ;;
	*) install -D -m 644 "$path" "$tree/usr/lib/$triplet/${path##*/}" ;;
	esac
}

# The package that a file of this system belongs to; libraries are known by the path they had before
# /lib became /usr/lib.
package_of() {
	local path
	path=$(readlink -f "$1")
	{ dpkg-query -S "$path" 2>/dev/null || dpkg-query -S "${path#/usr}"; } | head -n 1 | sed 's/:.*//'
}

# What scanners look for: the status of each package that something came from; and its licence.
copy_package() {
	local tree=$1 package=$2
	install -d "$tree/var/lib/dpkg/status.d"
	dpkg-query -s "$package" >"$tree/var/lib/dpkg/status.d/$package"
	install -D -m 644 "/usr/share/doc/$package/copyright" "$tree/usr/share/doc/$package/copyright"
}

# The same as SPDX 2.3: sbom <tree> <name> <package>...
sbom() {
	local tree=$1 name=$2 package version separator=''
	shift 2
	mkdir -p "$tree/usr/share/sagad"
	{
		printf '{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT",'
		printf '"name":"%s","documentNamespace":"urn:sagad:%s:%s",' "$name" "$name" "${REVISION:-unknown}"
		printf '"creationInfo":{"created":"%s","creators":["Tool: sagad-build"]},"packages":[' \
			"$(date -u -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ)"
		for package in "$@"; do
			version=$(dpkg-query -W -f '${Version}' "$package")
			printf '%s{"SPDXID":"SPDXRef-%s","name":"%s","versionInfo":"%s",' "$separator" \
				"${package//[^A-Za-z0-9.-]/-}" "$package" "$version"
			printf '"downloadLocation":"NOASSERTION","filesAnalyzed":false,"externalRefs":[{'
			printf '"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl",'
			printf '"referenceLocator":"pkg:deb/debian/%s@%s?arch=%s"}]}' "$package" "$version" \
				"$(dpkg --print-architecture)"
			separator=,
		done
		printf ']}\n'
	} >"$tree/usr/share/sagad/sbom.spdx.json"
}

# tree <name> <program>...
tree() {
	local tree=$output/$1 name=$1 program library packages
	shift
	mkdir -p "$tree"/{etc/sagad,proc,sys,dev,tmp,usr/bin,usr/lib,usr/lib64,var/lib/sagad}
	ln -s usr/bin "$tree/bin"
	ln -s usr/lib "$tree/lib"
	ln -s usr/lib64 "$tree/lib64"
	for program in "$@"; do
		install -m 755 --strip "$program" "$tree/usr/bin/"
	done
	while read -r library; do
		copy_library "$tree" "$library"
	done < <(libraries "$@")
	mapfile -t packages < <(
		libraries "$@" | while read -r library; do package_of "$library"; done
		echo ca-certificates
	)
	mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)
	for package in "${packages[@]}"; do
		copy_package "$tree" "$package"
	done
	sbom "$tree" "$name" "${packages[@]}"
	install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/ca-certificates.crt"
	install -D -m 644 "$source/LICENSE" "$tree/usr/share/doc/sagad/LICENSE"
	printf 'root:x:0:0:root:/:/nologin\nsagad:x:%s:%s:sagad:/var/lib/sagad:/nologin\n' $uid $uid \
		>"$tree/etc/passwd"
	printf 'root:x:0:\nsagad:x:%s:\n' $uid >"$tree/etc/group"
	printf 'hosts: files dns\npasswd: files\ngroup: files\n' >"$tree/etc/nsswitch.conf"
	chmod 1777 "$tree/tmp"
	chmod 700 "$tree/var/lib/sagad"
	chown $uid:$uid "$tree/var/lib/sagad"
}

rm -rf "$output"
tree sagad "$build/node/sagad" "$build/cli/sagactl"
tree travel "$build/cli/sagactl" "$build"/examples/travel/travel-{user,flight,hotel,payment}
install -D -m 644 -t "$output/travel/usr/share/sagad/travel" "$source"/examples/travel/*.{yaml,jsonl}
# Nothing tells when it was built.
find "$output" -depth -exec touch -h -d "@$epoch" {} +
