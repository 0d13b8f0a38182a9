#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# pvkit-bench, with devices and figures that are known: it finds each disk and NIC and its driver, compares those of pvkit with the
# others, round by round, or with what was saved before; table, JSON and SVG say the same; the clocksource is as before;
# nothing is opened to be written that was not named; what is asked wrongly is one line, which says what to do.
# timeout: 60
# shellcheck disable=SC2317 # functions are called by ktap_check
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"

bench=$top/bench/owner/pvkit-bench
export PVKIT_BENCH_SYS=$test_tmp/sys PVKIT_BENCH_PROGRAMS=$test_tmp/programs
sys=$PVKIT_BENCH_SYS clocks=$sys/devices/system/clocksource/clocksource0
mkdir -p "$sys"/{bus/{pci,pvbus,scsi}/drivers,block,class/net,dev/block} "$clocks" "$PVKIT_BENCH_PROGRAMS"

# device <path> <bus> <driver>: in the tree of devices
device() {
	mkdir -p "$sys/devices/$1" "$sys/bus/$2/drivers/$3"
	ln -sfn "$sys/bus/$2" "$sys/devices/$1/subsystem"
	ln -sfn "$sys/bus/$2/drivers/$3" "$sys/devices/$1/driver"
}
disk() {	# <name> <path of its device> <MiB>
	mkdir -p "$sys/devices/$2/block/$1/holders"
	ln -sfn "$sys/devices/$2/block/$1" "$sys/block/$1"
	ln -sfn "$sys/devices/$2" "$sys/devices/$2/block/$1/device"
	echo 0 > "$sys/block/$1/removable"
	echo $(($3 * 2048)) > "$sys/block/$1/size"
}
nic() {
	mkdir -p "$sys/devices/$2/net/$1"
	ln -sfn "$sys/devices/$2/net/$1" "$sys/class/net/$1"
	ln -sfn "$sys/devices/$2" "$sys/devices/$2/net/$1/device"
	echo "$3" > "$sys/class/net/$1/carrier"
}
device pci0/ide pci ata_piix
device pci0/ide/host0 scsi sd
device pci0/window/pvbus0.0 pvbus pvblk
device pci0/window pci pvbus-ivshmem
device pci0/e1000 pci e1000
device pci0/down pci rtl8139
disk sda pci0/ide/host0 1024
disk pvblk0 pci0/window/pvbus0.0 1024
nic ens3 pci0/e1000 1
nic ens4 pci0/window 1
nic ens5 pci0/down 0
mkdir -p "$sys/block/loop0"
echo 'tsc hpet pvclock' > "$clocks/available_clocksource"
echo pvclock > "$clocks/current_clocksource"

# What each says is in turn, so that the rounds differ: of an emulated disk 100, 200, 300, of pvblk ten times that.
program() { cat > "$PVKIT_BENCH_PROGRAMS/$1"; chmod +x "$PVKIT_BENCH_PROGRAMS/$1"; }
program blkload <<'END'
#!/bin/bash
echo "$*" >> "${0%/*}/ran"
while [ $# -gt 0 ]; do case $1 in --dev) dev=$2 ;; --rw) rw=$2 ;; --bs) bs=$2 ;; --qd) qd=$2 ;; esac; shift; done
turn=$(cat "${0%/*}/turn.${dev##*/}.$rw.$bs.$qd" 2> /dev/null || echo 0)
echo $((++turn)) > "${0%/*}/turn.${dev##*/}.$rw.$bs.$qd"
rate=$((turn * 100))
[[ $dev != *pvblk0 ]] || rate=$((turn * 1000))
echo "{\"ops\":1,\"iops\":$rate.0,\"mbps\":$rate.00,\"direct\":true}"
END
program netload <<'END'
#!/bin/bash
[[ "$*" == *'--device ens4'* ]] && rate=40 || rate=10
[[ "$*" == *'--test rr'* ]] && echo "{\"rate\":$rate.0}" || echo "{\"mbps\":$rate.00}"
END
program clocktool <<'END'
#!/bin/bash
case $(cat "$PVKIT_BENCH_SYS/devices/system/clocksource/clocksource0/current_clocksource") in hpet) echo 1000.0 ;; *) echo 50.0 ;; esac
END

bench_run() { rm -f "$PVKIT_BENCH_PROGRAMS"/{turn.*,ran}; "$bench" "$@" 2> "$test_tmp/err" > "$test_tmp/out"; }
row() { grep -E "^$1 " "$test_tmp/out" | tr -s ' '; }
ktap_check 'it measures' bench_run --server 192.0.2.1 --json "$test_tmp/json" --svg "$test_tmp/svg"
ktap_is 'disks: who against whom, and the gain' "$(row randread-4k-qd1)" \
	'randread-4k-qd1 sda (ata_piix) 200 pvblk0 2000 IOPS 10.00x [10.00 - 10.00]'
ktap_is 'NICs' "$(row tcp-tx-1)" 'tcp-tx-1 ens3 (e1000) 10.0 ens4 (pvnet) 40.0 MB/s 4.00x [4.00 - 4.00]'
ktap_is 'clocks, whose time is better if it is less' "$(row clock_gettime | grep hpet)" \
	'clock_gettime hpet 1000 pvclock 50.0 ns 20.00x [20.00 - 20.00]'
ktap_check 'nothing of what is not there' test -z "$(grep -E 'loop0|ens5' "$test_tmp/out")"
ktap_is 'the clocksource is as before' "$(cat "$clocks/current_clocksource")" pvclock
ktap_is 'disks were only read' "$(sed 's/.*--rw \([a-z]*\).*/\1/' "$PVKIT_BENCH_PROGRAMS/ran" | sort -u | xargs)" 'bufread randread read'
ktap_is 'no more than is there' "$(grep -c -e '--size 256m' "$PVKIT_BENCH_PROGRAMS/ran")" 42
# 90 s for 60 runs, and something for what is not a run.
ktap_is 'in the time that was asked for' "$(sed 's/.*--secs \([0-9.]*\).*/\1/' "$PVKIT_BENCH_PROGRAMS/ran" | sort -u)" 1.35
ktap_is 'JSON says the same' "$(jq -r '.gains[] | select(.workload == "randread-4k-qd1") | "\(.device) \(.against) \(.gain) \(.least)"' "$test_tmp/json")" 'pvblk0 sda 10 10'
ktap_is 'and has all samples' "$(jq '[.samples[] | select(.kind == "disk")] | length' "$test_tmp/json")" 42
ktap_check 'SVG has a bar for each gain' test "$(grep -c '<text.*x</text>' "$test_tmp/svg")" = "$(jq '.gains | length' "$test_tmp/json")"
ktap_check 'and is XML' python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$test_tmp/svg"

# Before the takeover there is no disk of pvkit, after it no other.
mv "$sys/block/pvblk0" "$test_tmp/pvblk0"
bench_run --only disk --save "$test_tmp/before"
ktap_check 'without a disk of pvkit it says what to do' grep -q 'Nothing to compare with' "$test_tmp/out"
mv "$test_tmp/pvblk0" "$sys/block/"
mv "$sys/block/sda" "$test_tmp/sda"
ktap_check 'what was saved is compared with' bench_run --only disk --compare "$test_tmp/before"
ktap_is 'as if it were there' "$(row read-128k-qd8)" 'read-128k-qd8 sda, before (ata_piix) 200 pvblk0 2000 MB/s 10.00x [10.00 - 10.00]'
mv "$test_tmp/sda" "$sys/block/"
program blkload <<'END'
#!/bin/bash
echo 'blkload: the disk is on fire' >&2
exit 1
END
ktap_check 'where nothing can be measured it fails' eval '! bench_run --only disk'
ktap_is 'and says why, once' "$(grep -c 'on fire' "$test_tmp/err")" 1

# refused <line> option...
refused() {
	local line=$1 status=0

	shift
	bench_run "$@" || status=$?
	ktap_is "refused: $*" "$status $(sed -n 's/^pvkit-bench: error: //p' "$test_tmp/err")" "2 $line"
}
cd "$test_tmp" || exit 1
touch there
refused "unknown option '--fast'; see pvkit-bench --help" --fast
refused '--seconds needs a value; see pvkit-bench --help' --seconds
refused '--seconds 1h: give a whole number from 5 to 3600' --seconds 1h
refused '--seconds 3601: give a whole number from 5 to 3600' --seconds=3601
refused '--port 0: give a whole number from 1 to 65535' --port 0
refused "--only disk,tape: 'tape' is none of disk, net, clock" --only disk,tape
refused '--only clock: --disk and --write are of disks' --only clock --disk /dev/sda
refused '--only disk: --server is of NICs' --only disk --server 192.0.2.1
refused "--only net: run 'pvkit-bench --serve' on the host, and say --server ADDRESS here" --only net
refused '--server host: give an IPv4 address, as 192.0.2.1' --server host
refused 'only --json takes -: name a file' --svg -
refused 'nowhere/x: cannot be written; name a file in a folder that is there' --json nowhere/x
refused "--compare there: is not of 'pvkit-bench --save'; save one before the takeover" --compare there
refused "--disk /dev/loop0: is no whole disk; 'lsblk -d' lists them" --disk /dev/loop0
refused '--write there: is there already; name a file that is not, in the file system to measure' --write there
refused '--write nowhere/x: there is no folder nowhere' --write nowhere/x
refused '--write x: does not lie on one disk of this guest; name a file that does (findmnt -T .)' --write x
ktap_is 'none of which has made a file' "$(echo nowhere* x*)" 'nowhere* x*'

ktap_is 'its version is that of dkms.conf' "$("$bench" -V)" "pvkit-bench $(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$top/dkms.conf")"
options() { "$bench" --help | sed -n 's/^  \(-., \)\{0,1\}\(--[a-z]*\).*/\2/p'; }
ktap_is 'the completion of zsh has each option' "$(for option in $(options); do grep -q -e "$option" "$top/bench/owner/completion.zsh" || echo "$option"; done)" ''
"$top/scripts/manual.sh" "$top/bench/owner/pvkit-bench.1.in" "$top/bench/owner" > "$test_tmp/pvkit-bench.1"
ktap_is 'so has the manual page' "$(for option in $(options); do grep -q -e "^\.It Cm .*${option//-/\\\\-}" "$test_tmp/pvkit-bench.1" || echo "$option"; done)" ''
if command -v mandoc > "$test_tmp/formatter"; then
	ktap_is 'of which a formatter has no complaint' "$(mandoc -Tlint -W warning "$test_tmp/pvkit-bench.1" 2>&1)" ''
else
	ktap_skip 'of which a formatter has no complaint' 'there is no mandoc'
fi
ktap_done
