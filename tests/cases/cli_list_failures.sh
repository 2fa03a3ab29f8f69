# SPDX-License-Identifier: GPL-2.0
# description: fsession list exits with 2 and says why when it is asked wrongly
# timeout: 240
. "$FSESSION_TESTS/lib.sh"

mod=fsession_testmod

# fails REGEX ARGUMENT...: with status 2, naming it, and lists nothing.
fails() {
	local regex=$1
	shift
	status_is 2 fsession list "$@"
	match "what it says of '$*'" "$(cat "$tmp/err")" "$regex"
	equal "what it lists of '$*'" "$(cat "$tmp/out")" ''
}

fails 'which|usage|PATTERN|hint'
fails 'no-such-option' --no-such-option '*'
fails 'argument' --exclude
fails 'argument' --from
fails 'no-such-backend' --backend no-such-backend bpf_fentry_test1
fails 'fsession_test_\[ab\]\*' "$mod:fsession_test_[ab]*"
fails 'fsession-test' fsession-test
fails 'no_such_function' bpf_fentry_test1 no_such_function
fails 'no_such_\*' 'no_such_*'
fails 'no_such_module' 'no_such_module:*'
# All of the kernel proper or all of one module.
fails "bpf_fentry_test1|$mod" "$mod:fsession_test_arg1" bpf_fentry_test1
fails "fsession_test_arg1|$mod" bpf_fentry_test1 "$mod:fsession_test_arg1"
fails 'x-y' bpf_fentry_test1 --exclude x-y
fails '/no/such/file' --from /no/such/file
printf 'bpf_fentry_test1\nno_such_line\n' >"$tmp/names"
fails 'no_such_line' --from "$tmp/names"
: >"$tmp/empty"
fails '--from names no function' --from "$tmp/empty"
printf '# do_exit: a comment\n\n' >"$tmp/comments"
fails '--from names no function' --from "$tmp/empty" --from "$tmp/comments" \
	--exclude do_exit

fails "\.\./\.\./x" '../../x:*'
# What is there cannot be read: nothing is listed as if it were not there.
cleanup() {
	umount /proc/kallsyms 2>/dev/null
}
mount --bind /dev/fsession /proc/kallsyms
fails '/proc/kallsyms' bpf_fentry_test1
umount /proc/kallsyms
