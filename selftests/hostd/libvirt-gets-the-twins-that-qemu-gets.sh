#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What pvctl libvirt-xml --replace prints has the words of qemu-args --replace, whatever the images are called; where nothing
# is replaced it is an error.
# timeout: 60
# shellcheck disable=SC2317 # functions are called by ktap_check
set -u
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/hostd.sh"

image="$test_tmp/a '<&>\" b.img"
truncate -s 16M "$image"
hostd_start --disk id=none,null=16M --disk "id=d0,file=$image,replaces=00:1f.2" \
	--net id=n0,null=on,replaces=00:05.0,mac=52:54:00:00:00:05 || ktap_bail 'no pvhostd'
args() { python3 -c '
import json, sys, xml.etree.ElementTree as tree
ns = "{http://libvirt.org/schemas/domain/qemu/1.0}"
root = tree.parse(sys.stdin).getroot()
assert root.tag == ns + "commandline"
print(json.dumps([arg.attrib["value"] for arg in root.findall(ns + "arg")]))'; }
wanted=$(pvctl --json qemu-args --replace | jq -c .replace)
ktap_is 'there are twins' "$(jq length <<< "$wanted")" 8
ktap_is 'libvirt gets them' "$(pvctl libvirt-xml --replace | args | jq -c .)" "$wanted"
ktap_is 'another option is refused' "$(pvctl libvirt-xml --twins 2>&1)" 'pvctl: libvirt-xml: it takes --override, --replace or nothing'
for id in d0 n0; do pvctl remove "$id" > /dev/null; done
ktap_is 'without a twin there is nothing to print' "$(pvctl libvirt-xml --replace 2>&1)" \
	'pvctl: libvirt-xml: no device replaces an emulated one: give one replaces=ADDRESS'
ktap_done
