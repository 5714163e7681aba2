#!/bin/sh
# Vendors uPlot, the chart of the page's history, at a named commit; its files are compared with the SHA-256 given here.
#   scripts/uplot.sh           takes them from the repository (UPLOT_REPO: another one, or a clone)
#   scripts/uplot.sh --check   compares what is vendored with what was taken; needs no network
# Another commit: change the four lines below. Not the release 1.6.32: it throws where the browser's language is no BCP 47
# tag, and names hours wrongly within the hour that the reader's own zone skips.
set -eu
commit=dd3ffc568903c905ae5ba8d310e37216fd597404
date=2026-02-05
js_sha=4408ace91a18b4888998171e122da65b9ab28711c30f19a6a591491c5a82caf1
css_sha=df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04

cd "$(dirname "$0")/.."
vendor=src/web/page/vendor

sum() {
	sha256sum | cut -d ' ' -f 1
}

# Between the licence and the export stands the file as it was published.
published() {
	sed -e "1,/^\*\/$/d" -e "/^export default uPlot;$/d" "$vendor/uplot.js"
}

check() {
	test "$(published | sum)" = "$js_sha" || { echo "$vendor/uplot.js is not that of $commit" >&2; exit 1; }
	test "$(sum <"$vendor/uplot.css")" = "$css_sha" || { echo "$vendor/uplot.css is not that of $commit" >&2; exit 1; }
	grep -q "$commit" "$vendor/uplot.js" || { echo "$vendor/uplot.js names another commit" >&2; exit 1; }
}

if [ "${1:-}" = --check ]; then
	check
	exit
fi

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
git init -q --bare "$dir"
git -C "$dir" fetch -q --depth 1 "${UPLOT_REPO:-https://github.com/leeoniya/uPlot}" "$commit"
of() {
	git -C "$dir" show "$commit:$1"
}
{
	echo "/*! uPlot, commit $commit of $date, https://github.com/leeoniya/uPlot"
	echo
	of LICENSE
	echo
	echo "*/"
	of dist/uPlot.iife.min.js
	echo "export default uPlot;"
} >"$dir/uplot.js"
of dist/uPlot.min.css >"$dir/uplot.css"
mkdir -p "$vendor"
cp "$dir/uplot.js" "$dir/uplot.css" "$vendor/"
check
echo "$vendor: uPlot $commit ($date)"
