# shellcheck shell=bash
# shellcheck disable=SC2034,SC2054,SC2154 # QEMU's commas; shares variables with common.sh, images.sh and the program that sources them
# SPDX-License-Identifier: GPL-2.0
#
# Runs one guest and says what came of it. To be sourced after images.sh.
#
# Set by the caller: kernel_dir, base_dir, product_dir (may be empty), qemu, tcg, and the options opt_*.

# Seconds for a kernel to come to its first program, which under emulation, on a machine with other things to do, may take
# a minute.
boot_patience=${FSESSION_BOOT_TIMEOUT:-300}

# Seconds that RCU may take there, after which guest/stage2 gives the guest up.
rcu_patience=${FSESSION_RCU_TIMEOUT:-60}

# boot_job DIRECTORY COMMAND...: fills DIRECTORY with what the guest is to do; see guest/init.
boot_job() {
	local dir=$1 word
	shift
	mkdir -p "$dir/job"
	cp "$harness_dir/guest/init" "$dir/init"
	cp "$harness_dir/guest/stage2" "$dir/job/stage2"
	chmod +x "$dir/init"
	printf '%s\n' ${product_dir:+product} kernel base >"$dir/job/layers"
	{
		printf 'module=%s\n' "$opt_module"
		printf 'share=%s\n' "${opt_share:+1}"
		printf 'shell=%s\n' "${opt_shell:+1}"
		printf 'console=%s\n' "$console"
		# Ahead of the host's patience, which began with the boot, the guest says in its log where it hangs. (Its clock
		# has to be the host's for that: under --icount it leaps whenever the guest idles.)
		printf 'alarm=%s\n' $((opt_timeout >= 60 && !opt_icount ? opt_timeout * 9 / 10 - 5 : 0))
		printf 'silence=%s\n' "$opt_silence"
		printf 'rcu_patience=%s\n' "$rcu_patience"
	} >"$dir/job/settings"
	(
		# In the C locale every byte is a character, and ${@Q} writes those it cannot print as octal escapes. So
		# any argument arrives as it was.
		LC_ALL=C
		printf 'exec --'
		for word; do
			printf ' %s' "${word@Q}"
		done
		printf '\n'
	) >"$dir/job/command"
}

# find_virtiofsd: sets virtiofsd to the command that shares opt_share at the socket $work/share. The daemon has been
# rewritten and moved; the two have hardly an option in common.
find_virtiofsd() {
	if [[ -x /usr/libexec/virtiofsd ]]; then
		virtiofsd=(/usr/libexec/virtiofsd --socket-path="$work/share" --shared-dir="$opt_share" --sandbox=chroot
			--cache=auto)
	elif [[ -x /usr/lib/qemu/virtiofsd ]]; then
		virtiofsd=(/usr/lib/qemu/virtiofsd --socket-path="$work/share" -o "source=$opt_share" -o sandbox=chroot
			-o cache=auto)
	else
		die "--share: no virtiofsd; run tests/harness/install-deps"
	fi
}

# boot COMMAND...: runs the guest; sets boot_status to what tests/vm is to exit with.
boot() {
	local layer accel

	boot_job "$work/initrd.d" "$@"
	# The kernel unpacks any number of archives one after the other.
	{
		cat "$kernel_dir/initrd"
		(cd "$work/initrd.d" && find . -mindepth 1 -print0 | cpio --quiet -0 -o -H newc -R 0:0)
	} >"$work/initrd"

	if ((opt_icount)); then
		# One nanosecond an instruction; without sleep=off the clock would follow the host's while the guest idles.
		accel=tcg
		clock=''
	else
		accel=${FSESSION_ACCEL:-$tcg}
	fi

	local args=(
		-nodefaults -no-user-config -display none -no-reboot
		-machine "$machine" -accel "$accel" -cpu "${opt_cpu:-$cpu}" -smp "$opt_cpus" -m "$opt_mem"
		-kernel "$kernel_dir/vmlinuz" -initrd "$work/initrd"
		# panic=-1 and -no-reboot: a panic ends QEMU at once. An oops does not: what runs on tells more about it, and
		# the splat scanner sees it in any case. devkmsg=on: the last line must not fall to a rate limit.
		# The stall limits are for an emulated CPU that has to wait for a busy host: it looks stuck, but is not.
		-append "console=$console panic=-1 printk.devkmsg=on rcupdate.rcu_cpu_stall_timeout=60 watchdog_thresh=30 $clock $opt_append"
	)
	((opt_icount)) && args+=(-icount "shift=0,sleep=off")

	for layer in product kernel base; do
		local dir=${layer}_dir
		[[ ${!dir} ]] || continue
		# Many guests may use one image: it is never written.
		args+=(
			-drive "if=none,id=$layer,format=raw,readonly=on,file.locking=off,file=${!dir}/image"
			-device "virtio-blk-pci,drive=$layer,serial=$layer"
		)
	done

	if [[ $opt_share ]]; then
		find_virtiofsd
		tied "${virtiofsd[@]}" >"$work/virtiofsd.log" 2>&1 &
		local daemon=$!
		until [[ -S $work/share ]]; do
			kill -0 "$daemon" 2>/dev/null || {
				cat "$work/virtiofsd.log" >&2
				die "--share: virtiofsd does not start"
			}
			sleep 0.05
		done
		args+=(
			# The daemon reads and writes the guest's memory.
			-object "memory-backend-memfd,id=mem,size=${opt_mem}M,share=on" -machine memory-backend=mem
			-chardev "socket,id=share,path=$work/share"
			-device vhost-user-fs-pci,chardev=share,tag=share
		)
	fi

	if [[ $opt_shell ]]; then
		"${qemu[@]}" "${args[@]}" -chardev stdio,id=console,signal=off -serial chardev:console
		boot_status=$?
		return
	fi

	# The ports end in files and not in pipes: a file never blocks, so a guest that powers off cannot leave bytes behind in
	# QEMU, and its size can be checked.
	local port status=0
	args+=(-chardev "file,id=log,path=$work/log,append=on" -serial chardev:log -device virtio-serial-pci)
	# What boot_autopsy asks, through a FIFO for each direction.
	mkfifo "$work/monitor.in" "$work/monitor.out"
	args+=(-chardev "pipe,id=monitor,path=$work/monitor" -mon chardev=monitor,mode=readline)
	for port in out err status; do
		args+=(
			-chardev "file,id=$port,path=$work/$port,append=on"
			-device "virtserialport,chardev=$port,name=fsession.$port"
		)
	done

	# A virtiofsd serves one guest.
	local attempt attempts=3
	[[ ! $opt_share ]] || attempts=1
	for ((attempt = 1; ; attempt++)); do
		status=0
		boot_once "${args[@]}" || status=$?
		((attempt < attempts)) && boot_stillborn || break
		say "the guest ended before it ran anything of ours (QEMU: exit $status); once more. The kernel log ends:"
		tail -n 5 "$work/log" >&2
	done
	if [[ $opt_keep_log ]]; then
		cp "$work/log" "$opt_keep_log" || say "cannot write '$opt_keep_log'"
	fi
	boot_judge "$status"
}

# boot_once QEMU_ARGUMENT...: one attempt; returns QEMU's status.
boot_once() {
	local port guest followers=() status=0

	for port in out err status log; do
		: >"$work/$port"
	done
	# timeout(1) passes our signals on to QEMU, and sends KILL if TERM was not enough.
	tied timeout --kill-after=5 "$opt_timeout" setpriv --pdeathsig KILL -- "${qemu[@]}" "$@" \
		</dev/null >"$work/qemu.log" 2>&1 &
	guest=$!
	boot_follow "$work/out" "$guest" &
	followers+=($!)
	boot_follow "$work/err" "$guest" >&2 &
	followers+=($!)
	boot_watch "$guest" &
	followers+=($!)
	if ((verbose)); then
		boot_follow "$work/log" "$guest" >&2 &
		followers+=($!)
	fi

	wait "$guest" || status=$?
	# They end by themselves, with all that was written.
	wait "${followers[@]}" || true
	return "$status"
}

# boot_stillborn: did the guest end before its kernel came to our first program, or with RCU stopped (guest/stage2)? Emulated
# machines were seen to, among others while they looked at their PCI bus; it says nothing of what is to be run.
boot_stillborn() {
	! grep -F 'Run /init as init process' "$work/log" >/dev/null || grep -F 'guest: RCU has stopped' "$work/log" >/dev/null
}

# boot_watch PID: ends the guest if its kernel takes too long to come to our first program, or if its command says nothing for
# too long after that: somewhat longer than the guest's own patience, since what it has to say itself is better. What the
# kernel says is no sign of life: one that is stuck says so for ever.
boot_watch() {
	local start=$SECONDS spoke=0 sizes before='' log log_before=''
	while kill -0 "$1" 2>/dev/null && boot_stillborn; do
		if ((SECONDS - start > boot_patience)); then
			say "the guest's kernel is not up after $boot_patience s"
			kill "$1"
			return
		fi
		sleep 0.2
	done
	((opt_silence)) || return 0
	while kill -0 "$1" 2>/dev/null; do
		sizes=$(stat -c %s "$work"/{out,err}) log=$(stat -c %s "$work/log")
		[[ $log == "$log_before" ]] || log_before=$log spoke=$SECONDS
		if [[ $sizes != "$before" ]]; then
			before=$sizes start=$SECONDS
		elif ((SECONDS - start > opt_silence * 5 / 4 + 20)); then
			((SECONDS - spoke > opt_silence)) || printf '\nharness: the kernel spoke\n' >>"$work/log"
			boot_autopsy "$1"
			kill "$1"
			return
		fi
		sleep 1
	done
}

# boot_autopsy PID: adds to the log what a guest that says nothing is about, as its emulator sees it: ten times, how long
# each thread of QEMU ran, and each CPU's registers, the bytes about its program counter and its stack. A guest whose CPUs
# stand still is another thing than one that runs in circles.
boot_autopsy() {
	local emulator round thread cpu monitor
	emulator=$(pgrep -P "$1") || return 0
	# For both directions: so it does not wait for the emulator, which may just have ended.
	exec {monitor}<>"$work/monitor.in"
	for round in {1..10}; do
		echo "harness: QEMU's threads, with their clock ticks; the guest's CPUs ($round of 10)"
		for thread in "/proc/$emulator"/task/*; do
			printf '%s %s\n' "$(<"$thread/comm")" "$(cut -d' ' -f3,14,15 "$thread/stat")"
		done
		for ((cpu = 0; cpu < opt_cpus; cpu++)); do
			printf '%s\n' "cpu $cpu" 'info registers' "x/16xb \$pc-8" "x/48gx \$sp" >&"$monitor"
		done
		# It has no end: what there is after some seconds is all. Not what was asked, which comes with a terminal's
		# escapes, nor the registers of floating point.
		timeout 2 cat "$work/monitor.out" | tr -d '\r' | grep -vE $'\e|^ *(F[CSP]|XMM|YMM|Q[0-9]|DR)'
	done >>"$work/log" 2>&1 || true
}

# boot_follow FILE PID: copies FILE to stdout as it grows, until PID has ended.
boot_follow() {
	tied tail --pid="$2" --sleep-interval=0.05 -n +1 -f "$1" 2>/dev/null
}

# boot_judge QEMU_STATUS: sets boot_status. A missing result outweighs a splat: the splat is shown, but 99 would say that
# the command had come to its end.
boot_judge() {
	local key value result=() port size
	local -A record=()
	while read -r key value; do
		record[$key]=$value
	done <"$work/status"

	boot_status=$STATUS_BROKEN
	if grep "^harness: QEMU's threads" "$work/log" >/dev/null; then	# by boot_autopsy
		if grep -x 'harness: the kernel spoke' "$work/log" >/dev/null; then	# by boot_watch
			say "the guest hung: not a word from it for $opt_silence s, but from its kernel"
		else
			say "the guest hung: not a word from it for $opt_silence s, nor from its kernel"
		fi
	elif [[ $1 == 124 || $1 == 137 ]]; then
		say "the guest hung: no result within $opt_timeout s"
	elif [[ $1 != 0 ]]; then
		say "QEMU failed (exit $1):"
		cat "$work/qemu.log" >&2
	elif [[ ! -v record[end] ]]; then
		if grep -F 'guest: no result in time' "$work/log" >/dev/null; then
			say "the command hung: no result within $opt_timeout s"
		elif grep -F 'guest: silent for' "$work/log" >/dev/null; then
			say "the command hung: not a word from it for $opt_silence s"
		else
			say "the guest died: it powered off without a result"
		fi
	elif [[ -v record[setup] ]]; then
		say "the guest could not be set up (${record[setup]})"
		return
	else
		result=("${record[status]-}")
	fi

	if ((${#result[@]} == 0)); then
		"$harness_dir/scan-splats" "$work/log" >&2 || true
		say "the kernel log ends:"
		tail -n 30 "$work/log" >&2
		return
	fi
	if [[ ! ${result[0]} =~ ^[0-9]+$ ]]; then
		say "the guest's result makes no sense: '${result[0]}'"
		return
	fi
	for port in out err; do
		size=$(stat -c %s "$work/$port")
		if [[ ${record[$port]-} != "$size" ]]; then
			say "output lost: the guest sent ${record[$port]-?} bytes to std$port, $size arrived"
			return
		fi
	done

	local scan=0
	"$harness_dir/scan-splats" "$work/log" >&2 || scan=$?
	case $scan in
	0) boot_status=${result[0]} ;;
	"$STATUS_SPLAT") boot_status=$scan ;;
	*) ;; # the scanner said why there is no verdict
	esac
}
