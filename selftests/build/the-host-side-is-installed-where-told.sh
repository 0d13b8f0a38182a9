#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# make install puts programs, unit, completions and manual pages where it is told, they work from there, and
# make uninstall takes back all of it but the configuration of VMs. Packages have the version of dkms.conf.
# timeout: 120
# shellcheck disable=SC2317 # functions are called by ktap_check
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"

root=$test_tmp/root prefix=$test_tmp/prefix
run_make() { make --no-print-directory -C "$top/host-ref" O="$build/host" "$@"; }
is_file() { local file; for file; do [ -f "$file" ] || { ktap_note "no $file"; return 1; }; done; }

ktap_check 'make install' run_make install DESTDIR="$root" PREFIX=/usr
ktap_check 'everything is there' is_file "$root"/usr/sbin/pvhostd "$root"/usr/bin/pvctl \
	"$root"/usr/lib/systemd/system/pvhostd@.service "$root"/usr/lib/tmpfiles.d/pvkit.conf \
	"$root"/usr/share/doc/pvkit/example.conf "$root"/usr/share/bash-completion/completions/{pvctl,pvhostd} \
	"$root"/usr/share/zsh/site-functions/{_pvctl,_pvhostd}
ktap_is 'nothing names where it was made' "$(grep -rlE "$test_tmp|@[a-z]+dir@" "$root" --exclude=pvhostd --exclude=pvctl)" ''
ktap_is 'pvctl finds pvhostd in ../sbin' "$(env -i PATH=/nowhere "$root/usr/bin/pvctl" help add-disk | head -n 1)" \
	'usage: pvctl add-disk ID KEY=VALUE,...'
for program in pvctl pvhostd; do
	ktap_check "the completion of $program is a script of bash" bash -n "$root/usr/share/bash-completion/completions/$program"
done
: > "$root/etc/pvkit/web.conf"
ktap_check 'make uninstall' run_make uninstall DESTDIR="$root" PREFIX=/usr
ktap_is 'leaves only what is not its own' "$(find "$root" -type f)" "$root/etc/pvkit/web.conf"

# The programs that the unit names have to be there.
ktap_check 'make install without DESTDIR' run_make install PREFIX="$prefix" SYSCONFDIR="$prefix/etc"
if command -v systemd-analyze > /dev/null; then
	ktap_is 'systemd has no complaint about the unit' \
		"$(systemd-analyze verify --man=no "$prefix/lib/systemd/system/pvhostd@.service" 2>&1)" ''
else
	ktap_skip 'systemd has no complaint about the unit' 'there is no systemd-analyze'
fi
if command -v apparmor_parser > /dev/null; then
	ktap_check 'AppArmor takes the profile' apparmor_parser --skip-kernel-load --skip-cache "$top/host-ref/install/pvhostd.apparmor"
else
	ktap_skip 'AppArmor takes the profile' 'there is no apparmor_parser'
fi
# The example as a user would have it: every option of it in use.
sed -n 's/^#\([a-z][a-z-]*\( [^ ]*\)\{0,1\}\)$/\1/p' "$prefix/share/doc/pvkit/example.conf" |
	sed '/^disk/s|file=[^,]*|null=1M|; s/tap=tap0/null=on/; s/passt=on/null=on/; /^socket-group/d' > "$prefix/etc/pvkit/web.conf"
ktap_check 'the example has devices' test "$(grep -cE '^(disk|net|clock|balloon)' "$prefix/etc/pvkit/web.conf")" -ge 5
test_spawn "$test_tmp/log" "$prefix/sbin/pvhostd" --name web --config "$prefix/etc/pvkit/web.conf" --run-dir "$test_tmp/run" \
	--pidfile "$test_tmp/pid"
ktap_check 'it is a configuration that works' wait_for 20 test -s "$test_tmp/pid" || sed 's/^/# /' "$test_tmp/log"
ktap_is 'with all of its devices' "$("$prefix/bin/pvctl" --control "$test_tmp/run/control.sock" list | awk 'NR > 1 { print $1 }' | xargs)" \
	"$(sed -n 's/.* id=\([^,]*\).*/\1/p; s/^\(clock\|balloon\)$/\1/p' "$prefix/etc/pvkit/web.conf" | xargs)"
test_reap "$test_pid" TERM 10
ktap_is 'the packages have the version of dkms.conf' "$(sed -n '1s/^pvkit (\(.*\)) .*/\1/p' "$top/debian/changelog")" \
	"$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$top/dkms.conf")"
ktap_done
