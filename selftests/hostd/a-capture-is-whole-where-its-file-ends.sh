#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A capture whose file system is full, or whose file may not be larger, ends with one line that says so, and leaves a file
# of whole frames. pvhostd is the test: it sends more frames than there is room for.
# shellcheck disable=SC2317 # functions are called by ktap_check
set -u
. "$(dirname "$0")/../lib/env.sh"
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/../lib/hostd.sh"

# capture <file> [limit in KiB]: what pvctl says of it.
capture() {
	local file=$1 limit=${2:-unlimited}

	python3 - "$test_tmp/control" "$file" "$limit" "$hostd_bin/pvctl" <<- 'END'
		import resource, socket, struct, subprocess, sys
		control, file, limit, pvctl = sys.argv[1:]
		def block(kind, body): # padded, with its length at both ends
		    size = struct.pack("=I", 12 + len(body))
		    return struct.pack("=I", kind) + size + body + size
		head = block(0x0a0d0d0a, struct.pack("=IHHq", 0x1a2b3c4d, 1, 0, -1)) + block(1, struct.pack("=HHI", 1, 0, 65535))
		frame = block(6, struct.pack("=IIIII", 0, 0, 0, 1000, 1000) + bytes(1000))
		listener = socket.socket(socket.AF_UNIX)
		listener.bind(control)
		listener.listen()
		def limits():
		    if limit != "unlimited":
		        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit) << 10,) * 2)
		job = subprocess.Popen([pvctl, "--control", control, "pcap", "n0", file], stderr=subprocess.PIPE, text=True,
		                       preexec_fn=limits)
		conn = listener.accept()[0]
		conn.settimeout(20)
		fds = socket.recv_fds(conn, 4096, 1)[1]
		conn.sendall(b'{"return":{}}\n')
		frames = socket.socket(fileno=fds[0])
		frames.settimeout(20)
		try:
		    frames.sendall(head + frame * 200)
		except OSError:
		    pass
		print(job.communicate(timeout=20)[1].strip(), job.returncode)
	END
	rm -f "$test_tmp/control"
}

# frames <file>: how many, if all blocks are whole.
frames() {
	python3 - "$1" <<- 'END'
		import struct, sys
		data, nr = open(sys.argv[1], "rb").read(), 0
		while data:
		    kind, size = struct.unpack("=II", data[:8])
		    if size > len(data):
		        sys.exit("a block of %d bytes has %d" % (size, len(data)))
		    nr += kind == 6
		    data = data[size:]
		print(nr)
	END
}

has_frames() { local nr; nr=$(frames "$1") && echo "$nr frames" && [ "$nr" -gt 10 ]; }

ktap_is 'a file that may not be larger ends it' "$(capture "$test_tmp/limited" 64)" \
	"pvctl: pcap: $test_tmp/limited: File too large 1"
ktap_check 'and has whole frames' has_frames "$test_tmp/limited"
mkdir "$test_tmp/small"
if mount -t tmpfs -o size=64k small "$test_tmp/small" 2> "$test_tmp/mount"; then
	ktap_is 'so does a file system that is full' "$(capture "$test_tmp/small/full")" \
		"pvctl: pcap: $test_tmp/small/full: No space left on device 1"
	ktap_check 'and it has whole frames, too' has_frames "$test_tmp/small/full"
	umount "$test_tmp/small"
else
	for what in ends whole; do ktap_skip "a file system that is full: $what" 'no tmpfs may be mounted'; done
fi
ktap_is 'what is no file has room for nothing' "$(capture /dev/full)" \
	'pvctl: pcap: /dev/full: No space left on device, maybe in the midst of a frame 1'
ktap_done
