# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For the shell cases. A case says what it has to in comments at its beginning:
#	# description: ...
#	# timeout: seconds	(120)
#	# log: yes		(lines of fsession's in the kernel log are fine)
# It passes by reaching its end.

set -u
progs=$FSESSION_TESTS/progs
examples=$FSESSION_TESTS/../examples
tm=$FSESSION_TESTS/tm
tmp=$(mktemp -d)
case_failed=0

# cleanup: what a case has to see to at its end, however it ends.
cleanup() {
	:
}

case_end() {
	local status=$?

	cleanup
	rm -rf "$tmp"
	((status && !case_failed)) && exit "$status"
	exit "$case_failed"
}
trap case_end EXIT

# failed TEXT: the case has failed, and goes on.
failed() {
	echo "$*"
	case_failed=1
}

# die TEXT: the case has failed, and ends.
die() {
	echo "$*"
	exit 1
}

# skip TEXT: what the case needs is not here.
skip() {
	echo "$*"
	exit $((case_failed ? 1 : 4))
}

# status_is EXPECTED COMMAND...: what it prints goes to $tmp/out and $tmp/err.
status_is() {
	local expected=$1 status
	shift

	"$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
	((status == expected)) && return
	failed "exit status $status, not $expected: $*"
	sed 's/^/  stderr: /' "$tmp/err"
	sed 's/^/  stdout: /' "$tmp/out"
}

# equal WHAT GOT EXPECTED
equal() {
	[[ $2 == "$3" ]] || failed "$1 is '$2', not '$3'"
}

# match WHAT TEXT REGEX
match() {
	[[ $2 =~ $3 ]] || failed "$1 is '$2', which does not match '$3'"
}

# json_equal [EXPRESSION EXPECTED]...: of the last line of $tmp/out, as `d`, what
# Python makes of each expression, as a string.
json_equal() {
	tail -n 1 "$tmp/out" | python3 -c '
import json, sys
try:
    d = json.load(sys.stdin)
except ValueError as e:
    sys.exit("no JSON: %s" % e)
bad = 0
for what, expected in zip(sys.argv[1::2], sys.argv[2::2]):
    try:
        got = str(eval(what))
    except (KeyError, IndexError, TypeError) as e:
        got = repr(e)
    if got != expected:
        print("%s is %s, not %s" % (what, got, expected))
        bad = 1
sys.exit(bad)' "$@" 2>&1 || failed "in: $(tail -n 1 "$tmp/out" | head -c 600)"
}

# wait_for COMMAND...: until it succeeds; at most 20 s, or longer where FSESSION_SLOW says so.
wait_for() {
	local until=$((SECONDS + 20 * ${FSESSION_SLOW:-1}))

	while ! "$@"; do
		((SECONDS < until)) || die "waited in vain for: $*"
		sleep 0.05
	done
}
