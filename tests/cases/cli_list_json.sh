# SPDX-License-Identifier: GPL-2.0
# description: fsession list --json: one object, with every function's status
# timeout: 240
. "$FSESSION_TESTS/lib.sh"

mod=fsession_testmod

status_is 0 fsession list --json "$mod:fsession_test_arg1?" \
	"$mod:fsession_test_notrace"
equal "lines" "$(wc -l <"$tmp/out")" 1
f='[f for f in d["functions"] if f["name"].endswith("%s")]'
# shellcheck disable=SC2059 # a format it is
json_equal 'len(d["functions"])' 4 \
	'sorted(f["name"].split(":")[-1] for f in d["functions"] if not f["status"])' \
	"['fsession_test_arg10', 'fsession_test_arg11', 'fsession_test_arg12']" \
	"$(printf "$f" notrace)[0]['status']" -2 \
	"len($(printf "$f" notrace)[0]['why']) > 10" True \
	"'why' in $(printf "$f" arg11)[0]" False \
	'min(f["btf_id"] for f in d["functions"]) > 0' True \
	'[f["btf_id"] for f in d["functions"]] == sorted(f["btf_id"] for f in d["functions"])' \
	True

addr=$(sed -n "s/^0*\([0-9a-f]*\) t fsession_test_arg11\t\[$mod\]$/\1/p" \
	/proc/kallsyms)
# shellcheck disable=SC2059
json_equal "hex($(printf "$f" arg11)[0]['addr'])" "0x$addr"

status_is 1 fsession list -j "$mod:fsession_test_notrace"
json_equal 'len(d["functions"])' 1
status_is 2 fsession list -j "$mod:fsession_no_such_*"
