#!/bin/sh
# Prints what CHANGELOG.md says of the version to be released: scripts/package/notes.sh [VERSION]   (0.1.0 or v0.1.0)
# Ends with 1 where that is not the version of Cargo.toml, or has no section with a date.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/package/common.sh
. scripts/package/common.sh

wanted=${1:-$(version)}
wanted=${wanted#v}
[ "$wanted" = "$(version)" ] || die "the tag says $wanted, Cargo.toml says $(version)"
awk -v wanted="$wanted" '
	/^## / { on = index($0, "## [" wanted "] - ") == 1; found += on; next }
	/^\[[^]]*\]: / { next }
	on && (text || NF) { text = text $0 "\n" }
	END { if (!found) exit 1; sub(/\n+$/, "\n", text); printf "%s", text }' CHANGELOG.md ||
	die "CHANGELOG.md has no section '## [$wanted] - YEAR-MONTH-DAY'"
