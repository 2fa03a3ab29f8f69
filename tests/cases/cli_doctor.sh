# SPDX-License-Identifier: GPL-2.0
# description: fsession doctor finds each thing that is missing, and names what mends it
# timeout: 300
# log: yes
. "$FSESSION_TESTS/lib.sh"

build=$(readlink -f "/lib/modules/$(uname -r)/build")
updates=/lib/modules/$(uname -r)/updates
config=/boot/config-$(uname -r)
modinfo=$(readlink -f "$(command -v modinfo)")
enabled=/sys/kernel/tracing/enabled_functions

# checked NAME STATE [REGEX]: what the last doctor --json has for NAME.
checked() {
	local state said

	IFS=$'\t' read -r state said < <(about "$1" state said)
	equal "state of '$1'" "$state" "$2"
	[[ ! ${3:-} ]] || match "what is said of '$1'" "$said" "$3"
}

# about NAME KEY...
about() {
	tail -n 1 "$tmp/out" | python3 -c '
import json, sys
c = [c for c in json.load(sys.stdin)["checks"] if c["name"] == sys.argv[1]]
assert len(c) == 1
print("\t".join(c[0].get(k, "") for k in sys.argv[2:]))' "$@"
}

# mended NAME: by what doctor says to try.
mended() {
	eval "$(about "$1" try)" >/dev/null || failed "not mended: $1"
	status_is 0 fsession doctor --json
	checked "$1" ok
}

cleanup() {
	umount "$build" "$updates" "$modinfo" "$config" "$enabled" \
		/sys/module/module/parameters/sig_enforce \
		/sys/kernel/btf 2>/dev/null
	[[ ! ${native:-} ]] || kill "$native"
	[[ -e /dev/fsession ]] || modprobe fsession
	echo 1 >/proc/sys/kernel/ftrace_enabled
}

status_is 0 fsession doctor
match "a healthy machine" "$(cat "$tmp/out")" 'sessions can run'
match "a healthy machine" "$(cat "$tmp/out")" $'\nok +trial +a session .* ran'
[[ $(cat "$tmp/out") != *FAIL* && $(cat "$tmp/out") != *try:* ]] ||
	failed "something is wrong: $(cat "$tmp/out")"
status_is 2 fsession doctor now

# In a cron job's PATH there is no modinfo, and in a small system there is none.
status_is 0 env PATH=/nonexistent "$(command -v fsession)" doctor --json
checked built ok
checked signature ok
mount --bind /dev/null "$modinfo"
status_is 0 fsession doctor --json
checked built ok
checked signature note 'cannot tell'
umount "$modinfo"

status_is 1 setpriv --reuid=65534 --regid=65534 --clear-groups \
	--bounding-set=-all fsession doctor --json
checked rights FAIL SYS_ADMIN
match "for an ordinary user" "$(about rights try)" sudo

# Newer kernels have no such switch any more.
if echo 0 2>/dev/null >/proc/sys/kernel/ftrace_enabled; then
	status_is 1 fsession doctor --json
	checked ftrace FAIL off
	mended ftrace
fi

nobody_on_it() {
	! grep -q '^bpf_fentry_test1 ' $enabled
}

# Newer kernels have a function jump to the trampoline that fexit takes.
LC_ALL=C sed 's,fentry/bpf_fentry_test1,fexit/bpf_fentry_test1\x00,g' \
	"$progs/no_session.bpf.o" >"$tmp/fexit.bpf.o"
for object in "$progs/no_session.bpf.o" "$tmp/fexit.bpf.o"; do
	: >"$tmp/native"
	"$FSESSION_TESTS/native" "$object" >"$tmp/native" &
	native=$!
	wait_for grep -q attached "$tmp/native"
	status_is 0 fsession doctor --json
	checked functions note 'on 1, .*: bpf_fentry_test1'
	checked trial note 'direct call'
	kill $native
	wait $native
	native=
	wait_for nobody_on_it
done

# Others have the function called as well; and what is on it already may keep another
# backend off.
runs=()
for i in 1 2 3; do
	fsession run "$progs/fentry_tests.bpf.o" --backend module --prog test1 \
		--test-run test1 --repeat 1000000000 >"$tmp/run.out" \
		2>"$tmp/run.$i" &
	runs+=($!)
	wait_for grep -q attached "$tmp/run.$i"
done
for _ in 1 2 3; do
	FSESSION_BACKEND=module status_is 0 fsession doctor --json
	checked trial ok 'ran at entry and at exit'
done
FSESSION_BACKEND=auto fsession doctor --json >"$tmp/out" 2>"$tmp/err"
if [[ $(about backend said) == native* ]]; then
	FSESSION_BACKEND=native status_is 0 fsession doctor --json
	checked trial note 'direct call'
fi
kill "${runs[@]}"
wait "${runs[@]}"
wait_for nobody_on_it

# As kernels write it.
cat >"$tmp/enabled" <<END
one (1) R   D   M 	tramp: ftrace_regs_caller+0x0/0x71 (call_direct_funcs+0x0/0x60)
	direct-->bpf_trampoline_6442536467+0x0/0xb5
two (1)   D   	direct(jmp)-->bpf_trampoline_6442536468+0x0/0xb5
three (1) R   D
        direct(jmp)-->bpf_trampoline_6442536469+0x0/0xb5
four (1)   D   	direct-->fsession_stub+0x0/0x10 [fsession]
five (1)       	tramp: ftrace_regs_caller+0x0/0x71
END
mount --bind "$tmp/enabled" "$enabled"
status_is 0 fsession doctor --json
checked functions note 'on 3, .*: one, two, three$'
umount "$enabled"

if [[ -e $config ]]; then
	grep -v CONFIG_DEBUG_INFO_BTF_MODULES "$config" >"$tmp/config"
	mount --bind "$tmp/config" "$config"
	status_is 1 fsession doctor --json
	checked config FAIL CONFIG_DEBUG_INFO_BTF_MODULES
	umount "$config"
fi

FSESSION_BACKEND=nonsense status_is 1 fsession doctor --json
checked backend FAIL 'nonsense'
match "a backend that is none" "$(about backend try)" 'unset FSESSION_BACKEND'

mount -t tmpfs none /sys/kernel/btf
status_is 1 fsession doctor --json
checked BTF FAIL
checked module FAIL BTF
umount /sys/kernel/btf

rmmod fsession || die "rmmod failed"
status_is 1 fsession doctor --json
checked loaded FAIL no
checked trial note
mended loaded

rmmod fsession || die "rmmod failed"
echo '<3>fsession: self-test: of a test' >/dev/kmsg
status_is 1 fsession doctor --json
checked self-test FAIL 'not supported'
checked loaded FAIL 'self-test: of a test'

# Once enforced it would stay so.
echo Y >"$tmp/enforce"
mount --bind "$tmp/enforce" /sys/module/module/parameters/sig_enforce
status_is 1 fsession doctor --json
checked signature FAIL 'signed modules only'
match "an unknown signature" "$(about signature try)" 'mokutil --import|dkms build'
umount /sys/module/module/parameters/sig_enforce

# It could not be built again, which does not matter, until it has to be.
mount -t tmpfs none "$build"
status_is 1 fsession doctor --json
checked headers note 'cannot be built'
mount -t tmpfs none "$updates"
status_is 1 fsession doctor --json
checked headers FAIL 'cannot be built'
equal "without headers" "$(about headers try)" \
	"apt install linux-headers-$(uname -r)"
checked built FAIL
match "without the module" "$(about built try)" "dkms.install"

# With an fsession of the kernel's own nothing of that matters.
if [[ $(about native said) == *'an fsession of its own' ]]; then
	FSESSION_BACKEND=auto status_is 0 fsession doctor --json
	checked backend ok native
	checked loaded note
	checked trial ok 'ran at entry and at exit'

	if [[ -e $config ]]; then
		mount --bind "$tmp/config" "$config"
		FSESSION_BACKEND=auto status_is 0 fsession doctor --json
		checked config note CONFIG_DEBUG_INFO_BTF_MODULES
		umount "$config"
	fi

	bpf=(setpriv '--bounding-set=-all,+bpf,+perfmon' fsession doctor --json)
	if [[ $(fsession version) =~ libbpf\ v(0|1\.[0-4])(\.|$) ]]; then
		FSESSION_BACKEND=auto status_is 1 "${bpf[@]}"
		checked rights FAIL SYS_ADMIN
	else
		FSESSION_BACKEND=auto status_is 0 "${bpf[@]}"
		checked rights note 'CAP_BPF and CAP_PERFMON'
	fi
	checked trial ok 'ran at entry and at exit'

	# Whose fault it is that nothing runs is not guessed.
	FSESSION_BACKEND=native status_is 1 setpriv --reuid=65534 --regid=65534 \
		--clear-groups --bounding-set=-all fsession doctor --json
	checked backend FAIL
	[[ $(about backend try) != unset* ]] || failed "unset, without rights"
else
	FSESSION_BACKEND=native status_is 1 fsession doctor --json
	checked backend FAIL 'no fsession of its own'
fi
