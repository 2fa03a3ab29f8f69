# SPDX-License-Identifier: GPL-2.0
# description: the seed's program on icmp_rcv: 0xdeadbeef for every ping
. "$FSESSION_TESTS/lib.sh"

# Loopback: the request and the reply both come to icmp_rcv.
status_is 0 fsession run "$examples/seed_cookie.bpf.o" --json -- \
	ping -q -c 3 -i 0.2 127.0.0.1
json_equal 'len(d["programs"])' 1 \
	'd["programs"][0]["target"]' icmp_rcv \
	'd["programs"][0]["entries"]' 6 \
	'd["programs"][0]["exits"]' 6 \
	'd["programs"][0]["misses"]' 0 \
	'd["status"]' 0 \
	'sum("fsession cookie: 0xdeadbeef" in s for s in d["printk"])' 6 \
	'len(d["printk"])' 6
