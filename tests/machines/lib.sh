# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# What the scripts of this folder share. Sourced, with $0 somewhere in the clone.

machines=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
clone=$(realpath "$machines/../..")

die() {
	echo "${0##*/}: $*" >&2
	exit 2
}

# The folder for everything that is built: outside the clone, and shared by all clones.
cache=$(realpath -m "${DMABUF_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dma-buf}")

# The kernel source: a tarball or a tree. Debian's package puts the first of these there.
kernel_source() {
	realpath -e "${KSRC:-/usr/src/linux-source-6.12.tar.xz}" 2>/dev/null
}

# The one word that names a source in the cache. A tree may be edited, so its place is its name, and
# the build copies what changed; a tarball is its content.
source_id() {
	local source
	source=$(kernel_source) || die "no kernel source at ${KSRC:-/usr/src/linux-source-6.12.tar.xz}"
	if [[ -d $source ]]; then
		echo "tree-$(sha256sum <<<"$source" | cut -c1-12)"
	else
		echo "tar-$(sha256sum "$source" | cut -c1-12)"
	fi
}

# Only one run at a time may use the cache, since all lay their clone over the same tree: wait for the
# others. What a run starts goes on with the lock of that run, and keeps it should the run itself be gone.
lock_cache() {
	local lock
	[[ ${DMABUF_LOCKED-} != "$cache" ]] || return 0
	mkdir -p "$cache" || die "cannot write to $cache; DMABUF_CACHE names another folder"
	exec {lock}>"$cache/lock" || die "cannot write to $cache/lock"
	flock -n "$lock" || { say "waiting for another run in $cache" >&2; flock "$lock"; }
	export DMABUF_LOCKED=$cache
}

# What belongs to the subsystem outside drivers/dma-buf and is in every 6.12 tree.
owned_headers=(
	include/linux/dma-buf.h
	include/linux/dma-fence.h
	include/linux/dma-fence-array.h
	include/linux/dma-fence-chain.h
	include/linux/dma-fence-unwrap.h
	include/linux/dma-heap.h
	include/linux/dma-resv.h
	include/linux/sync_file.h
	include/trace/events/dma_fence.h
	include/uapi/linux/dma-buf.h
	include/uapi/linux/dma-heap.h
	include/uapi/linux/sync_file.h
	include/uapi/linux/udmabuf.h
)
owned_documents=(
	Documentation/ABI/testing/sysfs-kernel-dmabuf-buffers
	Documentation/driver-api/dma-buf.rst
	Documentation/driver-api/sync_file.rst
	Documentation/userspace-api/dma-buf-alloc-exchange.rst
)

# List what must be ours in the kernel tree $1: all that is compiled in drivers/dma-buf, and the above.
subsystem_files() {
	{
		cd "$1" && find drivers/dma-buf -type f ! -name '*.mod.c' \
			\( -name '*.[chS]' -o -name 'Kconfig*' -o -name 'Makefile*' -o -name Kbuild \)
		printf '%s\n' "${owned_headers[@]}" "${owned_documents[@]}"
	} | LC_ALL=C sort
}

# List the files of the clone that belong into a kernel tree, as "FILE PATH_IN_TREE".
installed_files() {
	(
		cd "$clone" || exit
		find . -maxdepth 1 \( -name '*.[ch]' -o -name Kconfig -o -name Makefile \
			-o -name .kunitconfig \) -printf '%P drivers/dma-buf/%P\n'
		find heaps samples tests tests/differ/kernel -maxdepth 1 \
			\( -name '*.[ch]' -o -name Kconfig -o -name Makefile \) \
			-printf '%p drivers/dma-buf/%p\n' 2>/dev/null
		find include Documentation -type f -printf '%p %p\n' 2>/dev/null
	) | LC_ALL=C sort -k 2
}

say() {
	printf '%s %s\n' "$(date +%T)" "$*"
}

# Run a long command with its output in a log; every ten seconds print the text that follows. On
# failure show the end of the log.
run_logged() {
	local log=$1 what=$2 progress=$3 job status
	shift 3

	"$@" >"$log" 2>&1 </dev/null &
	job=$!
	while sleep_while_running $job; do
		say "$what: $($progress "$log") (log: $log)"
	done
	wait $job
	status=$?
	if ((status)); then
		say "$what: failed, exit status $status. The end of $log:"
		tail -n 25 "$log"
	fi
	return $status
}

sleep_while_running() {
	local i
	for ((i = 0; i < 100; i++)); do
		kill -0 "$1" 2>/dev/null || return 1
		sleep 0.1
	done
}

last_line() {
	tail -n 1 "$1" | cut -c1-70
}

# The result of a part of the tests: what it counted, and the sum as its last line.
passed=0 failed=0 skipped=0

fail() {
	echo "not ok - $*"
	failed=$((failed + 1))
}

# Count the verdicts that guest-check left in a machine's output.
take_verdicts() {
	local line
	while IFS= read -r line; do
		case $line in
		"ok - "*) passed=$((passed + 1)) ;;
		*) fail "${line#not ok - }" ;;
		esac
	done < <(grep -E '^(not )?ok - (no leak|lockdep|suites)' "$1")
	grep -q '^end of the last check' "$1" || fail "the machine did not come to its last check"
	sed -n '/^unreferenced object/,/^ok - /p' "$1" | head -n 40
}

# Count the judgement of check-log, whose arguments these are, on a kernel log.
take_log() {
	if "$machines/check-log" "$@"; then
		passed=$((passed + 1))
	else
		fail "the kernel log has unexpected splats"
	fi
}

# Count the judgement on the data races in the log $3 of kernel $1. The build keeps line numbers beside
# a kernel that looks for data races. The source of the kernel is $2.
take_races() {
	if "$machines/kcsan-log" "$1.vmlinux" "$2" "$3"; then
		passed=$((passed + 1))
	else
		fail "the kernel log has data races of ours"
	fi
}

# Count the judgement on the log $3 of kernel $1, whose source is $2.
take_kernel_log() {
	if [[ -e $1.vmlinux ]]; then
		take_log --races-apart "$3"
		take_races "$@"
	else
		take_log "$3"
	fi
}

print_sum() {
	local more=
	((!skipped)) || more=", $skipped skipped"
	echo "$passed passed, $failed failed$more"
	((failed == 0 && passed > 0))
}

# Add the sum that another part printed as the last line of the file $1.
take_sum() {
	local sum
	sum=$(tail -n 1 "$1")
	if [[ $sum =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed(,\ ([0-9]+)\ skipped)?$ ]]; then
		passed=$((passed + BASH_REMATCH[1]))
		failed=$((failed + BASH_REMATCH[2]))
		skipped=$((skipped + ${BASH_REMATCH[4]:-0}))
	else
		fail "no result at the end of $1"
		return 1
	fi
}
