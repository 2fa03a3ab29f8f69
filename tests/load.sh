# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For the cases that load a module of their own making.

# unpack_module FILE: the installed module, not compressed.
unpack_module() {
	local installed

	installed=$(modinfo -n fsession) || die "fsession is not installed"
	case $installed in
	*.xz) xz -dc "$installed" >"$1" ;;
	*.zst) zstd -dc "$installed" >"$1" ;;
	*) cp "$installed" "$1" ;;
	esac || die "cannot unpack $installed"
}

# refused FILE TEXT: insmod of FILE fails, the log's one line of ours has TEXT,
# and the installed module loads afterwards.
refused() {
	local before after

	rmmod fsession || die "rmmod failed"
	before=$(dmesg | grep -c '^\[[^]]*\] fsession: ')
	if insmod "$1" 2>"$tmp/err"; then
		failed "insmod succeeded"
		rmmod fsession
	fi
	after=$(dmesg | grep '^\[[^]]*\] fsession: ' | tail -n "+$((before + 1))")
	match "the log" "$after" "$2"
	equal "the number of lines in the log" "$(wc -l <<<"$after")" 1
	modprobe fsession || die "modprobe failed"
}
