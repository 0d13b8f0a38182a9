# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# A network namespace of the script's own, so that the host's network is not touched, and nothing is left
# of taps and bridges however it ends. Source it after env.sh.
#
#   netns_possible                 whether this user may make one
#   netns_run <script> [arg...]    in one, waited for; its exit status
#   netns_tap <name> [address/len] a tap with IFF_VNET_HDR, up; call it in the namespace
#
# Without root, a user namespace is made with it.
netns_pid=

netns_words() {
	echo unshare --net
	[ "$(id -u)" = 0 ] || echo --user --map-root-user
}

netns_possible() { $(netns_words) true 2>/dev/null; }

# shellcheck disable=SC2317 # called at the end
netns_end() {
	[ -z "$netns_pid" ] || test_reap "$netns_pid" TERM 30
}

# In the background and waited for, so that a signal ends it at once.
netns_run() {
	local status=0

	test_exit_hooks+=(netns_end)
	# shellcheck disable=SC2046
	$(netns_words) "$@" &
	netns_pid=$!
	wait "$netns_pid" || status=$?
	netns_pid=
	return "$status"
}

netns_tap() {
	ip tuntap add dev "$1" mode tap vnet_hdr && ip link set dev "$1" up || return
	[ -z "${2:-}" ] || ip addr add "$2" dev "$1"
}
