#compdef pvkit-bench
# SPDX-License-Identifier: GPL-2.0-only
_arguments \
	'--only[only these kinds]:kinds:(disk net clock disk,clock)' \
	'*--disk[measure this disk]:disk:_files -g "/dev/*(-%b)"' \
	'*--write[measure writing to a new file, or an empty disk]:path:_files' \
	'--server[measure NICs, to this IPv4 address]:address:' \
	'--serve[be that server]' \
	'--port[port of the server]:port:' \
	'--seconds[how long all of it takes]:seconds:' \
	'--save[keep what was measured]:file:_files' \
	'--compare[against what was saved before]:file:_files' \
	'--json[write JSON]:file:_files' \
	'--svg[draw the gains]:file:_files' \
	'(- *)'{-h,--help}'[print the help]' \
	'(- *)'{-V,--version}'[print the version]'
