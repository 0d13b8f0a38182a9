#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What a test mounts is seen by it alone: a mount namespace that another test makes meanwhile takes no copy of it along,
# which would keep the file system in use after the first has unmounted it.
# needs: root
# shellcheck disable=SC2317 # functions are called by ktap_check and wait_for
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"

tree=$test_tmp/tree
mkdir -p "$tree/selftests/lib" "$tree/selftests/fake" "$tree/mnt"
cp "$top/selftests/run.sh" "$tree/selftests"
cp "$top/selftests/lib/slow.sh" "$tree/selftests/lib"
cat > "$tree/selftests/fake/mounts.sh" <<END
#!/bin/bash
# needs: root
echo 1..1
mount -t tmpfs tmpfs "$tree/mnt" && touch "$tree/mnt/is-there" "$tree/mounted" && [ -e "$tree/mnt/is-there" ] && echo ok 1 it
for ((i = 0; i < 1000; i++)); do [ ! -e "$tree/enough" ] || exit 0; sleep 0.1; done
exit 1
END
chmod +x "$tree/selftests/fake/mounts.sh"
test_spawn "$test_tmp/said" env -u TESTS -u PVKIT_BUILD PVKIT_SLOW=1 JOBS=1 "$tree/selftests/run.sh" --no-build fake/mounts
runner=$test_pid
wait_for 30 test -e "$tree/mounted" || ktap_bail "it does not run: $(cat "$test_tmp/said")"
ktap_check 'another that begins meanwhile has no copy of it' unshare --mount test ! -e "$tree/mnt/is-there"
touch "$tree/enough"
ended() { [ ! -e "/proc/$runner" ]; }
ktap_check 'it ends' wait_for 30 ended
ktap_check 'and had it itself' grep -q '^ok .* fake/mounts: 1 of 1$' "$test_tmp/said"
ktap_done
