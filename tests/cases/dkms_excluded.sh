# SPDX-License-Identifier: GPL-2.0
# description: dkms skips kernels without what the module needs, and says so
# timeout: 600
. "$FSESSION_TESTS/lib.sh"

version=$(modinfo -F version fsession)
mkdir "$tmp/headers"

# excluded RELEASE CONFIG...
excluded() {
	local release=$1

	shift
	printf '%s=y\n' "$@" >"$tmp/headers/.config"
	dkms build -m fsession -v "$version" -k "$release" \
		--kernelsourcedir "$tmp/headers" >"$tmp/out" 2>&1 &&
		failed "built for $release with $*"
	match "what dkms says of $release" "$(cat "$tmp/out")" BUILD_EXCLUSIVE
}

needs="CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS CONFIG_DEBUG_INFO_BTF_MODULES
CONFIG_BPF_SYSCALL CONFIG_BPF_JIT CONFIG_KALLSYMS"

for release in 5.10.0-1-amd64 6.0.12-amd64 6.0-rc7-amd64; do
	# shellcheck disable=SC2086 # a list
	excluded $release $needs
done
for missing in $needs; do
	# shellcheck disable=SC2046 # a list
	excluded 6.5.0-1-amd64 $(echo "$needs" | tr ' ' '\n' | grep -vx "$missing")
done
match "what dkms has installed" \
	"$(dkms status -m fsession -k "$(uname -r)")" 'installed'
