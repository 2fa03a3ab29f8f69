# SPDX-License-Identifier: GPL-2.0
# description: one program on many: on the kernel's own fsession.multi, or refused
# timeout: 400
. "$FSESSION_TESTS/lib.sh"

mod=fsession_testmod
# shellcheck disable=SC2016 # for the other shell
calls=(sh -c 'for i in 1 5 9 11; do
	"$0" call fsession_test_arg$i $i || exit
done' "$tm")

# section BACKEND [REAL]: every call has an entry and an exit, whoever runs them.
section() {
	local backend=$1 real=${2:-$1}

	FSESSION_BACKEND=$backend status_is 0 fsession run "$progs/glob.bpf.o" \
		--prog on_module --json -- "${calls[@]}"
	json_equal 'd["programs"][0]["functions"]' 10 \
		'd["programs"][0]["backend"]' "$real" \
		'd["globals"]["of_module"]["runs"]' '[15, 15]' \
		'd["globals"]["of_module"]["wrong"]' 0
}

# options BACKEND: the same with functions that options name.
options() {
	local backend=$1 n

	status_is 0 fsession run --backend "$backend" "$progs/glob.bpf.o" \
		--prog on_any --on "$mod:fsession_test_arg1?" \
		--on "$mod:fsession_test_arg5" -x "$mod:fsession_test_arg12" \
		--json -- "${calls[@]}"
	json_equal 'd["programs"][0]["functions"]' 3 \
		'd["programs"][0]["backend"]' "$backend" \
		'd["globals"]["of_any"]["runs"]' '[16, 16]' \
		'd["globals"]["of_any"]["wrong"]' 0

	status_is 0 fsession list --backend "$backend" 'bpf_fentry_test?'
	n=$(grep -vc '^#' "$tmp/out")
	((n >= 8)) || failed "too few on $backend: $n"
	status_is 0 fsession run --backend "$backend" "$progs/glob.bpf.o" \
		--prog on_any --on 'bpf_fentry_test?' --test-run on_any --json
	json_equal 'd["programs"][0]["functions"]' "$n" \
		'd["globals"]["of_any"]["runs"]' "[$n, $n]" \
		'd["globals"]["of_any"]["wrong"]' 0
}

# x86_64 has it from 7.2 on.
IFS=.- read -r major minor _ < <(uname -r)
section module
options module
if [[ $(uname -m) == x86_64 ]] && ((major * 100 + minor >= 702)); then
	section native
	options native
	section auto native
	# One name that cannot be traced fails it there, too.
	status_is 2 fsession run --backend native "$progs/glob.bpf.o" \
		--prog on_any --on "$mod:fsession_test_arg?" \
		--on "$mod:fsession_test_notrace" -- true
	match stderr "$(cat "$tmp/err")" 'fsession_test_notrace'
	status_is 0 fsession run --backend native "$progs/glob.bpf.o" \
		--prog on_any --on "$mod:fsession_test_arg?" \
		--on "$mod:fsession_test_notrace" --skip --json -- "${calls[@]}"
	json_equal 'd["programs"][0]["functions"]' 10 \
		'd["globals"]["of_any"]["runs"]' '[15, 15]'
	# It takes programs that use helpers only.
	status_is 2 fsession run --backend native "$progs/glob.bpf.o" \
		--prog on_typed -- true
	# The module is not needed for that.
	rmmod fsession || die "a native session holds the module"
	section native
	modprobe fsession || die "modprobe failed"
else
	section auto module
	for prog in on_module on_kernel on_any; do
		status_is 2 fsession run --backend native "$progs/glob.bpf.o" \
			--prog $prog --on "$mod:fsession_test_arg?" -- \
			touch "$tmp/ran"
		match stderr "$(cat "$tmp/err")" 'of its own'
		[[ ! -e $tmp/ran ]] || failed "the command was run"
	done
fi
