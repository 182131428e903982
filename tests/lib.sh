# What ./test is made of; sourced, not run. Each suite adds to $passed, $failed and $skipped.

export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 # a finding is no pass

# nettle-dev: libunbound-dev asks for it and does not depend on it
build_packages="gcc libc6-dev meson ninja-build pkg-config libevent-dev libssl-dev libgsasl-dev
	libsodium-dev libidn2-dev libpsl-dev libseccomp-dev liblmdb-dev libcrypt-dev libunbound-dev
	nettle-dev libcurl4-openssl-dev libhiredis-dev"
run_packages="ca-certificates dns-root-data" # what else a server wants of the system
test_packages="libcmocka-dev clang clang-format clang-tidy cppcheck libclang-rt-14-dev
	python3 iproute2 util-linux procps xfsprogs btrfs-progs swaks curl msmtp mpop fetchmail s-nail libnet-ssleay-perl gsasl openssl mailutils"

# A password is asked for only when it must be, and somebody is there.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif ! command -v sudo >/dev/null; then
		echo "neither root nor sudo" >&2
		return 1
	elif sudo -n true 2>/dev/null; then
		sudo -n "$@"
	elif [ -t 0 ] && [ -t 2 ]; then
		sudo "$@"
	else
		sudo -n "$@"
	fi
}

# progress FILE: keeps what it reads, and shows the line that it is at: over and over in one line of a
# terminal, else one in a while.
progress() {
	local line shown=$SECONDS
	while IFS= read -r line; do
		printf '%s\n' "$line" >>"$1"
		if [ -t 1 ]; then
			printf '\r%-.78s\033[K' "$line"
		elif [ $((SECONDS - shown)) -ge 10 ]; then
			printf '%.78s\n' "$line"
			shown=$SECONDS
		fi
	done
	[ ! -t 1 ] || printf '\r\033[K'
}

# install PACKAGE...: those that are missing
install() {
	local p there missing=
	there=$(dpkg-query -W -f '${Package} ${Status}\n' "$@" 2>/dev/null)
	for p in "$@"; do
		grep -q "^$p .* installed$" <<<"$there" || missing="$missing $p"
	done
	[ -z "$missing" ] && return 0
	echo "installing:$missing"
	: >build/apt.log
	if as_root env DEBIAN_FRONTEND=noninteractive apt-get update 2>&1 </dev/null | progress build/apt.log
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing \
			2>&1 </dev/null | progress build/apt.log
		[ "${PIPESTATUS[0]}" -eq 0 ]
	then
		return 0
	fi
	tail -n 5 build/apt.log >&2
	echo "these packages could not be installed; as root: apt-get install$missing" >&2
	return 1
}

needs_packages() {
	mkdir -p build
	install $build_packages $run_packages $test_packages
}

# one NAME COMMAND...: runs it, prints its output only when it fails; as good as it
one() {
	local name=$1 log code=0
	shift
	log=$(mktemp)
	if "$@" >"$log" 2>&1; then
		passed=$((passed + 1))
		echo "ok   $name"
	else
		code=1
		failed=$((failed + 1))
		echo "FAIL $name"
		tail -n 60 "$log" | sed 's/^/     /'
	fi
	rm -f "$log"
	return $code
}

# later NAME COMMAND...: starts it on what processors have to spare, which the system tests leave most of: they
# wait; later_end counts each as `one` does
later_names=() later_pids=() later_logs=()
later() {
	later_names+=("$1")
	later_logs+=("$(mktemp)")
	shift
	chrt --idle 0 "$@" >"${later_logs[-1]}" 2>&1 &
	later_pids+=($!)
	trap 'kill "${later_pids[@]}"' EXIT
}

later_end() {
	local i
	trap - EXIT
	for i in "${!later_pids[@]}"; do
		one "${later_names[i]}" later_wait "${later_pids[i]}" "${later_logs[i]}"
	done
	[ "${#later_logs[@]}" = 0 ] || rm -f "${later_logs[@]}"
	later_names=() later_pids=() later_logs=()
}

# later_wait PID LOG
later_wait() {
	local code=0
	wait "$1" || code=$?
	cat "$2"
	return $code
}

# configure DIR OPTION...: a build directory, once; anew when the tree has moved
configure() {
	local dir=$1
	shift
	[ ! -f "$dir.source" ] || [ "$(cat "$dir.source")" = "$PWD" ] || rm -rf "$dir"
	pwd >"$dir.source"
	[ -f "$dir/build.ninja" ] || meson setup "$dir" "$@" >"$dir.log" 2>&1 ||
		{ tail -n 20 "$dir.log"; return 1; }
}

compile() {
	: >"$1.log"
	ninja -C "$1" 2>&1 | progress "$1.log"
	[ "${PIPESTATUS[0]}" -eq 0 ] || { grep -E 'error|warning|FAILED' "$1.log" | head -n 40; return 1; }
}

# Tests and fuzz targets in one: clang's, so that the released one is by another compiler.
build_sanitized() {
	CC=clang-14 configure build/sanitized --buildtype=debugoptimized -Dfuzz=true \
		-Db_sanitize=address,undefined -Db_lundef=false && compile build/sanitized
}

# As released, with the tests: the sandbox is tried to leave there, and real clients talk to it.
build_release() {
	configure build/tested --buildtype=release && compile build/tested
}

# meson_suite SUITE DIR: runs the tests of Meson's suite one by one, so that each counts
meson_suite() {
	local line dir=${2:-build/sanitized}
	meson test -C "$dir" --no-rebuild --suite "$1" --print-errorlogs \
		${SEKISHO_TEST_LONG:+-t 10} >build/meson-$1.log 2>&1
	while read -r line; do
		case $line in
		*" OK "*) passed=$((passed + 1)) ;;
		*" SKIP "*) skipped=$((skipped + 1)) ;;
		*) failed=$((failed + 1)); echo "FAIL $line" ;;
		esac
	done < <(grep -E '^ *[0-9]+/[0-9]+ ' build/meson-$1.log)
	if grep -qE ' (FAIL|ERROR|TIMEOUT) ' build/meson-$1.log; then
		sed -n '/^=/,$p' build/meson-$1.log | head -n 120
	fi
}

# sanitized SUITE
sanitized() {
	one "build with sanitizers" build_sanitized || return 0
	meson_suite "$1"
}

suite_unit() { sanitized unit; }
suite_transcripts() { sanitized transcripts; }
# Lives of a spool with sanitizers, and ten times as many (SEEDS) beside the suites that follow.
suite_faults() {
	sanitized faults
	one "build as released" build_release || return 0
	later "faults: ${SEEDS:-20000} seeds" build/tested/meson-out/test_spool_faults "${SEEDS:-20000}"
}

suite_checks() {
	local check
	for check in banned arrows headers format citations shell cppcheck selftest; do
		one "check $check" "tests/checks/$check"
	done
	one "build as released" build_release || return 0
	later "check tidy" tests/checks/tidy build/tested
	one "check documents" tests/checks/documents build/tested/meson-out/sekisho
}

suite_sandbox() {
	one "build as released" build_release || return 0
	meson_suite sandbox build/tested
}

# Seeds of the simulator (SEEDS, default 20000), 300 of them with sanitizers; and faults that must be seen.
# The many seeds run beside the suites that follow.
suite_simulator() {
	one "build with sanitizers" build_sanitized || return 0
	one "build as released" build_release || return 0
	one "simulator: planted faults are noticed" build/tested/meson-out/test_simulator --planted
	one "simulator: 300 seeds with sanitizers" build/sanitized/meson-out/test_simulator 300
	later "simulator: ${SEEDS:-20000} seeds" build/tested/meson-out/test_simulator "${SEEDS:-20000}"
}

suite_fuzz() {
	one "build with sanitizers" build_sanitized || return 0
	later "fuzz targets" tests/fuzz/short --built
}

# With `all` once more with the programs that have sanitizers in them.
suite_system() {
	one "build as released" build_release || return 0
	system_tests build/tested
	[ -z "${SEKISHO_TEST_LONG:-}" ] || one "build with sanitizers" build_sanitized || return 0
	[ -z "${SEKISHO_TEST_LONG:-}" ] || SEKISHO_TEST_LONG= ASAN_OPTIONS=abort_on_error=1:detect_leaks=0 \
		UBSAN_OPTIONS=halt_on_error=1:abort_on_error=1 system_tests build/sanitized
}

# system_tests BUILD_DIRECTORY
system_tests() {
	local log=build/system.log last
	tests/system/run --programs "$1/meson-out" >$log 2>&1
	grep -v '^counts ' $log
	last=$(tail -n 1 $log)
	case $last in
	'counts '*)
		set -- $last
		passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4)) ;;
	*) failed=$((failed + 1)); echo "FAIL the system tests did not run to their end" ;;
	esac
}
