#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The kernel's log has no warning, oops or report in which a module of the kit takes part, and says of no device that it is broken.
. ./lib.sh

log=$(mktemp)
trap 'rm -f "$log"' EXIT
dmesg > "$log" 2> /dev/null || skip_all 'dmesg does not show the kernel log'

none() { ! grep -E "$1" "$log"; }
# A report is from its first line to its end; others' are theirs.
reports() {
	awk '
		function flush() { if (ours) printf "%s", block; ours_ever += ours; block = ours = 0 }
		/cut here|BUG[: ]|WARNING:|Oops|general protection|blocked for more than|soft lockup|self-detected stall/ { if (!inside) { block = "" ; inside = 60 } }
		inside { block = block $0 "\n"; inside--; if (/\[pv(bus|blk|net|clock|balloon)\]/) ours = 1 }
		inside && /end trace|---\[ end/ { inside = 0; flush() }
		inside == 1 { flush(); inside = 0 }
		END { flush(); exit ours_ever > 0 }' "$log"
}
check 'no report has the kit in it' reports
check 'no device is broken' none 'pv(bus|blk|net|clock|balloon)[^ ]* .*(broken|no longer used)'
check 'nothing was given up' none 'pv(bus|blk|net|clock|balloon)[^ ]* .*(Unknown symbol|disagrees about version)'
finish
