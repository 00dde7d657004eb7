#!/bin/sh
# Builds the deb and rpm packages from what `make cross` has left in DIST. It is
# run in the repository's root:
#
#	NFPM=nfpm PENSTOCK=bin/penstock deploy/packages/build.sh DIST VERSION [ARCH...]
#
# ARCH is amd64, arm64 or armv7 (armhf), all three without one. PENSTOCK is a
# binary that runs here: it writes the shell completions. DEB_COMPRESSION=gzip:1 packs
# a deb in seconds, where xz takes half a minute for a fifth less.
set -eu

if [ $# -lt 2 ]; then
	echo "usage: NFPM=nfpm PENSTOCK=bin/penstock $0 DIST VERSION [ARCH...]" >&2
	exit 2
fi
dist=$1
version=$2
shift 2
[ $# -gt 0 ] || set -- amd64 arm64 armv7

COMPLETION=$dist/completion
# What `git describe` says, as both formats sort it: commits behind a version are
# newer than it, its candidates are older, and what has no version is the oldest.
PACKAGE_VERSION=$(echo "${version#v}" | sed -e 's/-rc/~rc/' -e 's/-/+/' -e 's/-/./g')
case "$PACKAGE_VERSION" in
[0-9]*.*) ;;
*) PACKAGE_VERSION=0.0.0+$PACKAGE_VERSION ;;
esac
# The same source makes the same package.
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct 2>/dev/null || echo 0)}"
export COMPLETION PACKAGE_VERSION SOURCE_DATE_EPOCH ARCH BINARY PLUGIN

mkdir -p "$COMPLETION"
sed "s/^  compression: xz\$/  compression: ${DEB_COMPRESSION:-xz}/" deploy/packages/nfpm.yaml >"$dist/nfpm.yaml"
for shell in bash zsh fish; do
	"${PENSTOCK:-bin/penstock}" completion "$shell" >"$COMPLETION/$shell"
done
for arch in "$@"; do
	ARCH=$arch
	[ "$arch" != armv7 ] || ARCH=arm7 # nfpm's word for deb's armhf and rpm's armv7hl
	BINARY=$dist/penstock-linux-$arch
	PLUGIN=$dist/zabbix-agent2-plugin-penstock-linux-$arch
	for format in deb rpm; do
		"${NFPM:-nfpm}" package --config "$dist/nfpm.yaml" --packager "$format" --target "$dist"
	done
done
