#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# For dracut: a disk of pvkit may be the root, or become it with the next boot.
# shellcheck disable=SC2154 # dracut sets kernel

check() {
	# A kernel for which the modules have not been built boots as it did without them.
	modinfo -k "$kernel" pvblk > /dev/null 2>&1
}

installkernel() {
	hostonly='' instmods pvbus pvblk
}

install() {
	inst_rules 61-pvkit-storage.rules
}
