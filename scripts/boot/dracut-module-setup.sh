#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# For dracut: a disk of pvkit may be the root, or become it with the next boot; and where pvkit has replaced a disk,
# the driver of the emulated one, for pvkit=off.
# shellcheck disable=SC2154 # dracut sets kernel

check() {
	# A kernel for which the modules have not been built boots as it did without them.
	modinfo -k "$kernel" pvblk > /dev/null 2>&1
}

installkernel() {
	local function

	hostonly='' instmods pvbus pvblk pvnet
	for function in /sys/bus/pci/drivers/pvbus-replaced/*:*; do
		[ ! -e "$function" ] || hostonly='' instmods "$(cat "$function/modalias")"
	done
}

install() {
	inst_rules 61-pvkit-storage.rules
	inst_simple /usr/lib/modprobe.d/pvkit.conf
}
