#!/usr/bin/env bash
# What the Dockerfile and the manifests repeat from elsewhere stays the same: the packages to build
# with, and the version. Then each is changed in a copy, which must be seen.
# Use: docker.sh <root of the tree>

set -euo pipefail
export LC_ALL=C
root=$1

# Packages that ./dev installs to build with and the Dockerfile does not.
missing_packages() {
	local package
	sed -n '/^build_needs=(/,/^)/s/.*=\([a-z0-9.+-]*\)$/\1/p' "$1/dev" | sort -u |
		grep -vxE 'libcmocka-dev|libmsgpack-dev|openssl' | # of the tests
		while read -r package; do
			grep -qE "^[[:space:]]+$package( \\\\)?$" "$1/deploy/docker/Dockerfile" ||
				echo "the Dockerfile does not install $package"
		done
}

findings() {
	local tree=$1 version
	version=$(sed -n 's/^project(sagad VERSION \([0-9.]*\).*/\1/p' "$tree/CMakeLists.txt")
	missing_packages "$tree"
	[ "$(grep -c "image.version=\"$version\"" "$tree/deploy/docker/Dockerfile")" -eq 2 ] ||
		echo "the labels are not of version $version"
	grep -qx 'USER 10001:10001' "$tree/deploy/docker/Dockerfile" || echo "the user is not 10001"
	if grep -rhE "image: sagad:|newTag: 0" "$tree/deploy/k8s" | grep -v "[: ]$version$"; then
		echo "an image of sagad is not of version $version"
	fi
}

found=$(findings "$root")
if [ -n "$found" ]; then
	echo "$found"
	exit 1
fi
scratch=$(mktemp -d "${TMPDIR:-/tmp}/sagad-docker.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
changes=0
while read -r file change; do
	rm -rf "$scratch/tree"
	mkdir -p "$scratch/tree/deploy"
	cp "$root/dev" "$root/CMakeLists.txt" "$scratch/tree"
	cp -r "$root/deploy/docker" "$root/deploy/k8s" "$scratch/tree/deploy"
	sed -i "$change" "$scratch/tree/$file"
	if [ -z "$(findings "$scratch/tree")" ]; then
		echo "not seen: $file $change"
		exit 1
	fi
	changes=$((changes + 1))
done <<'END_OF_CHANGES'
dev s/=libuv1-dev/=libuv2-dev/
deploy/docker/Dockerfile /libmicrohttpd-dev/d
deploy/docker/Dockerfile s/image.version="0/image.version="1/
deploy/docker/Dockerfile s/^USER .*/USER root/
CMakeLists.txt s/VERSION 0/VERSION 7/
deploy/k8s/base/statefulset.yaml s/sagad:0/sagad:5/
END_OF_CHANGES
echo "docker: nothing found, and $changes changes seen"
