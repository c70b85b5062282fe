#!/usr/bin/env bash
# `./dev image`: builds the images by deploy/docker/Dockerfile, with docker or podman where one of
# them works, else with buildah on a base that is made of Debian's packages: then no registry of
# images is asked for anything.
# Use: image.sh [--with docker|podman|buildah] [--base IMAGE] [--output FOLDER] [--no-travel]
#      77 = this machine refuses what building takes; it says what

set -euo pipefail
export LC_ALL=C
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sagad/image
exit_usage=64
exit_refused=77
with=
base=
output=$root/build/image
targets=(sagad travel)
version=$(sed -n 's/^project(sagad VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")

say() {
	printf '==> %s\n' "$*"
}

refused() {
	printf 'image: %s\n' "$@" >&2
	exit "$exit_refused"
}

while [ $# -gt 0 ]; do
	case $1 in
	--with | --base | --output)
		[ $# -gt 1 ] || { echo "image: $1 needs a value" >&2; exit "$exit_usage"; }
		declare "${1#--}=$2"
		shift
		;;
	--no-travel) targets=(sagad) ;;
	*)
		sed -n '/^# Use:/,/^$/s/^# \?//p' "${BASH_SOURCE[0]}" >&2
		exit "$exit_usage"
		;;
	esac
	shift
done

works() {
	command -v "$1" >/dev/null && "$1" info >/dev/null 2>&1
}

if [ -z "$with" ]; then
	for with in docker podman buildah; do
		! works "$with" || break
	done
fi
case $with in
docker | podman)
	works "$with" || refused "$with does not work here ($with info)"
	;;
buildah)
	command -v buildah >/dev/null || refused "no docker, no podman, and no buildah: apt-get install buildah mmdebstrap"
	;;
*)
	echo "image: --with docker, podman or buildah" >&2
	exit "$exit_usage"
	;;
esac

# The sources of the commit and nothing that lies around; what is changed and not committed counts.
revision=$(git -C "$root" rev-parse --short=12 HEAD)
epoch=$(git -C "$root" log -1 --format=%ct)
[ -z "$(git -C "$root" status --porcelain --untracked-files=no)" ] || revision+=+
scratch=$(mktemp -d "${TMPDIR:-/tmp}/sagad-image.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/context"
git -C "$root" ls-files -z | (cd "$root" && tar --null --ignore-failed-read -T - -cf -) |
	tar -C "$scratch/context" -xf -
arguments=(
	--file "$scratch/context/deploy/docker/Dockerfile"
	--build-arg "REVISION=$revision" --build-arg "SOURCE_DATE_EPOCH=$epoch"
)
[ -z "$base" ] || arguments+=(--build-arg "BASE=$base")
mkdir -p "$output"

# ---- with an engine ----------------------------------------------------------------------------

name_of() {
	case $1 in
	sagad) echo "sagad:$version" ;;
	*) echo "sagad-$1:$version" ;;
	esac
}

engine_build() {
	local target
	for target in "${targets[@]}"; do
		say "$with: building $(name_of "$target")"
		"$with" build "${arguments[@]}" --target "$target" --tag "$(name_of "$target")" "$scratch/context"
		rm -f "$output/$target.tar"
		if [ "$with" = podman ]; then
			podman save --format oci-archive --output "$output/$target.tar" "$(name_of "$target")"
		else
			docker save --output "$output/$target.tar" "$(name_of "$target")"
		fi
	done
}

# ---- with buildah ------------------------------------------------------------------------------

# Layers by overlay mounts where root may make them; copied whole everywhere else.
driver=vfs
if [ "$(id -u)" -eq 0 ] && grep -qw overlay /proc/filesystems; then
	driver=overlay
fi
store=(buildah --storage-driver "$driver" --root "$cache/store-$driver" --runroot "$scratch/run")

# What the image of the Dockerfile's first line holds, from the same packages: minbase of Debian 12.
make_base() {
	local tar=$cache/base.tar
	command -v mmdebstrap >/dev/null || refused "no mmdebstrap: apt-get install mmdebstrap"
	if [ ! -s "$tar" ]; then
		say "making a base of Debian's packages: $tar"
		mmdebstrap --quiet --variant=minbase --include=ca-certificates bookworm "$tar.part" ||
			refused "mmdebstrap was refused something: it needs root or user namespaces, and Debian's packages"
		mv "$tar.part" "$tar"
	fi
	! "${store[@]}" images --quiet localhost/sagad-base:bookworm >/dev/null 2>&1 || return 0
	local container
	if ! { container=$("${store[@]}" from scratch) &&
		"${store[@]}" add --quiet "$container" "$tar" / >/dev/null &&
		"${store[@]}" commit --quiet --rm "$container" localhost/sagad-base:bookworm >/dev/null; }; then
		refused "buildah was refused something: it needs root, or user namespaces with subuids"
	fi
}

buildah_build() {
	local target
	mkdir -p "$cache"
	if [ -z "$base" ]; then
		make_base
		arguments+=(--build-arg BASE=localhost/sagad-base:bookworm)
	fi
	# Same commit, same packages, same image: one layer, stamped with the commit's time.
	for target in "${targets[@]}"; do
		say "buildah: building $(name_of "$target")"
		"${store[@]}" bud --isolation chroot --network host --pull-never --layers --timestamp "$epoch" \
			"${arguments[@]}" --target "$target" --tag "$(name_of "$target")" "$scratch/context"
		rm -f "$output/$target.tar"
		"${store[@]}" push --quiet "$(name_of "$target")" \
			"oci-archive:$output/$target.tar:$(name_of "$target")"
		"${store[@]}" images --format '{{.Name}}:{{.Tag}} {{.Digest}} {{.Size}}' "$(name_of "$target")"
	done
}

case $with in
buildah) buildah_build ;;
*) engine_build ;;
esac
say "running it as Kubernetes would: read-only, uid 10001, no privilege"
status=0
"$root/tests/deploy/image_run.py" "$output/sagad.tar" || status=$?
[ "$status" -ne "$exit_refused" ] || echo "image: built, but not run: that was refused" >&2
[ "$status" -eq 0 ] || exit "$status"
say "images: $output"
