# Steps of peers that need a DNS or a long queue; sourced. Servers that have no srv_world are left out.

# In a network namespace of its own, with the addresses of tests/system/namespace and 10.1.0.0/16 for hosts that
# answer; those of 10.99.0.0/16 are routed to where nothing is.
in_namespace() {		# in_namespace STEP: true once inside
	[ -z "${BENCH_INSIDE:-}" ] || return 0
	SEKISHO_FOREIGN=$("$HERE/../system/unpack" nsd libprotobuf-c1 libfstrm0 ldnsutils libldns3) || die "nsd"
	export SEKISHO_FOREIGN
	BENCH_INSIDE=1 unshare --net --mount --propagation private "$HERE/../system/namespace" 0 0 "$HERE/peers" -s "$SERVERS" -r "$REPEATS" -o "$OUT" "$1"
	return 1
}

world_up() {			# world_up DOMAINS DEAD signed|unsigned [TLSA|sts]: sets ANCHOR
	ip route add local 10.1.0.0/16 dev lo 2>/dev/null
	ip link add nowhere type dummy 2>/dev/null && ip link set nowhere up && ip addr add 10.99.255.254/16 dev nowhere
	coproc WORLD { exec "$HERE/world.py" names "$@" 2>"$WORK/world.err"; }
	local line
	ANCHOR=
	while read -r line <&"${WORLD[0]}" && [ "$line" != ready ]; do ANCHOR=$line; done
	[ "$line" = ready ] || die "no DNS: $(tail -3 "$WORK/world.err")"
}

world_down() {
	local pid=$WORLD_PID
	eval "exec ${WORLD[1]}>&-"
	wait "$pid" 2>/dev/null
}

with_world() {			# the servers that can be told of a DNS
	local s
	for s in $SERVERS; do
		unset -f srv_world
		load_server "$s"
		[ "$(type -t srv_world)" = function ] && echo "$s"
	done
}

# server_to_world SERVER DIR: up, with that DNS
server_to_world() {
	load_server "$1"
	mkdir -p "$2/mail"; chmod 755 "$2"; chown $MAILUSER: "$2/mail"
	srv_setup "$2"
	srv_world "$2" "$ANCHOR"
	server_warm "$1" "$2"
}

# Mail to RECIPIENTS (100000) in DOMAINS (10000): once to those alone whose hosts answer, once also to a tenth whose
# hosts do not. Until the living have theirs.
step_spread() {
	in_namespace spread || return 0
	local s d n=${RECIPIENTS:-100000} domains=${DOMAINS:-10000} case living t0 t1 c0 out rep
	living=$((n - n / 10))
	for rep in $(seq "$REPEATS"); do for s in $(with_world); do for case in living dead; do
		fs_fresh
		d=$FS/spread-$case-$s
		world_up "$domains" 10 unsigned
		server_to_world "$s" "$d"
		: >"$WORK/sink.out"
		smtp-sink -c -m 30000 -u nobody 0.0.0.0:25 4096 >"$WORK/sink.out" 2>/dev/null &
		SINK_PID=$!
		c0=$(cg_usec "$s")
		t0=$(now_ns)
		out=$("$HERE/world.py" post $PORT "$n" $((domains < 300 ? domains / 3 : 100)) "$domains" $([ $case = living ] && echo 10 || echo 0)) || put "$s" "spread-$case" "$rep" failed "$out"
		t1=$(now_ns)
		put "$s" "spread-$case" "$rep" accept "$(calc "($n - ($n - $living) * $([ $case = living ] && echo 1 || echo 0)) * 1e9 / ($t1 - $t0)")"
		if sink_wait "$living" 900; then
			t1=$(now_ns)
			put "$s" "spread-$case" "$rep" seconds "$(calc "($t1 - $t0) / 1e9" 2)"
			put "$s" "spread-$case" "$rep" cpu_ms "$(calc "($(cg_usec "$s") - $c0) / 1000 / $living" 3)"
		else
			put "$s" "spread-$case" "$rep" undelivered "$(sink_count) of $living"
		fi
		put "$s" "spread-$case" "$rep" pss_mib "$(calc "$(cg_pss_kb "$s") / 1024")"
		sink_down
		SINK_PID=
		server_down "$s" "$d"
		world_down
	done; done; done
}

# What a destination costs that was never heard of: one mail to each of NEW (500), in clear, with TLS that nobody
# vouches for, with DANE, and with MTA-STS. The hosts are a Python program: the rate is theirs, the CPU time is the server's.
step_dane() {
	in_namespace dane || return 0
	local s d n=${NEW:-500} case tlsa t0 t1 c0 rep
	for rep in $(seq "$REPEATS"); do for s in $(with_world); do for case in clear tls dane sts; do
		fs_fresh
		d=$FS/dane-$case-$s
		ip route add local 10.2.0.0/16 dev lo 2>/dev/null
		"$HERE/world.py" sink $([ $case = dane ] && echo tls || echo $case) "$n" >"$WORK/sink.out" 2>"$WORK/sink.err" &
		SINK_PID=$!
		until tlsa=$(sed -n 's/^tlsa=//p' "$WORK/sink.out") && [ -n "$tlsa" ]; do sleep 0.1; done
		case $case in
		dane) world_up "$n" 0 signed "$tlsa" ;;
		sts) world_up "$n" 0 unsigned sts ;;
		*) world_up "$n" 0 unsigned ;;
		esac
		server_to_world "$s" "$d"
		c0=$(cg_usec "$s")
		t0=$(now_ns)
		"$HERE/world.py" post $PORT "$n" 1 "$n" 0 >/dev/null || put "$s" "new-$case" "$rep" failed post
		if sink_wait "$n" 300; then
			t1=$(now_ns)
			put "$s" "new-$case" "$rep" deliver "$(calc "$n * 1e9 / ($t1 - $t0)")"
			put "$s" "new-$case" "$rep" cpu_ms "$(calc "($(cg_usec "$s") - $c0) / 1000 / $n" 3)"
		else
			put "$s" "new-$case" "$rep" undelivered "$(sink_count) of $n"
		fi
		case $case in dane | sts) put "$s" "new-$case" "$rep" verified "$(grep -c "verified=$([ $case = sts ] && echo pkix || echo dane)" "$d/log")" ;; esac
		sink_down
		SINK_PID=
		server_down "$s" "$d"
		world_down
	done; done; done
}

pss_of() {			# pss_of SERVER PROGRAM, octets
	local p
	for p in $(cg_pids "$1"); do
		[ "$(cat "/proc/$p/comm" 2>/dev/null)" = "$2" ] && awk '$1 == "Pss:" { print $2 * 1024 }' "/proc/$p/smaps_rollup"
	done | awk '{ s += $1 } END { print s + 0 }'
}

# MILLION (1000000) recipients that wait: for a smarthost that is closed, then in MILLION_DOMAINS (10000) domains of
# which no name server speaks. What each takes, what they cost while they wait, and how soon after a restart it serves.
step_million() {
	local s d n=${MILLION:-1000000} domains case before t0 t1 c0 have
	for s in $SERVERS; do for case in 0 "${MILLION_DOMAINS:-10000}"; do
		load_server "$s"
		[ "$(type -t srv_world)" = function ] || continue
		fs_fresh
		d=$FS/million-$case-$s
		domains=$((case > 0 ? case : 1))
		mkdir -p "$d/mail"; chmod 755 "$d"; chown $MAILUSER: "$d/mail"
		srv_setup "$d"
		if [ "$case" = 0 ]; then srv_defer "$d"; else srv_world "$d" ""; fi
		server_warm "$s" "$d"
		before=$(pss_of "$s" sekisho-spool)
		t0=$(now_ns)
		"$HERE/world.py" post $PORT "$n" 1000 "$case" 0 >/dev/null || put "$s" "million-$domains" 1 failed post
		t1=$(now_ns)
		put "$s" "million-$domains" 1 accept "$(calc "$n * 1e9 / ($t1 - $t0)")"
		sleep 20
		put "$s" "million-$domains" 1 octets_each "$(calc "($(pss_of "$s" sekisho-spool) - $before) / $n" 0)"
		put "$s" "million-$domains" 1 pss_mib "$(calc "$(cg_pss_kb "$s") / 1024")"
		c0=$(cg_usec "$s")
		sleep "${WAITING:-30}"
		put "$s" "million-$domains" 1 waiting_cpu_pct "$(calc "($(cg_usec "$s") - $c0) / 10000 / ${WAITING:-30}" 2)"
		have=$("$WORK/newmail" "$d/mail" 0 0 | cut -d' ' -f1)
		t0=$(now_ns)
		src -d -s 20 -m 2000 -l 10240 -t "user@$DOMAIN" 127.0.0.1:$PORT >/dev/null; t1=$(now_ns)
		put "$s" "million-$domains" 1 local_accept "$(calc "2000e9 / ($t1 - $t0)")"
		"$WORK/newmail" "$d/mail" $((have + 2000)) 60 >/dev/null; t1=$(now_ns)
		put "$s" "million-$domains" 1 local_deliver "$(calc "2000e9 / ($t1 - $t0)")"
		server_down "$s" "$d"
		t0=$(now_ns)
		server_up "$s" "$d"
		put "$s" "million-$domains" 1 restart_ms $(((T_READY - T_START) / 1000000))
		src -s 1 -m 1 -l 1024 -t "user@$DOMAIN" 127.0.0.1:$PORT >/dev/null
		"$WORK/newmail" "$d/mail" $((have + 2001)) 60 >/dev/null
		put "$s" "million-$domains" 1 restart_to_delivery_ms $((($(now_ns) - t0) / 1000000))
		put "$s" "million-$domains" 1 octets_each_restarted "$(calc "($(pss_of "$s" sekisho-spool) - $before) / $n" 0)"
		server_down "$s" "$d"
	done; done
}
