#!/bin/sh
# Renews page/vendor from npm: the packages that the page is made of, as they were
# published, but that imports name files, since a strict policy allows no import map.
set -eu
cd "$(dirname "$0")"
into=$PWD/page/vendor
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fetch() { # PACKAGE VERSION FILE...
	name=$1 version=$2
	shift 2
	npm pack --silent "$name@$version" >/dev/null
	tar -xzf "$name-$version.tgz"
	for file; do
		sed -e '/^\/\/# sourceMappingURL=/d' -e 's|from *"preact"|from"./preact.mjs"|' "package/$file" >"$into/$(basename "$file")"
	done
	printf '\n## %s %s\n\n' "$name" "$version"
	sed -e 's/^/    /' -e 's/ *$//' package/LICENSE
	rm -r package
}
mkdir -p "$into"
{
	printf '# What the page is made of beside our own files\n\nMade by `make vendor` from the packages on npm; nothing in them is changed but the\nname of an imported file.\n'
	fetch preact 11.2.0 dist/preact.mjs hooks/dist/hooks.mjs
	fetch htm 3.1.1 dist/htm.mjs
	fetch uplot 1.6.32 dist/uPlot.esm.js dist/uPlot.min.css
} >"$work/LICENSES.md"
mv "$work/LICENSES.md" "$into/LICENSES.md"
