# Steps of peers beyond the short cells; sourced. Same rules: one server at a time, freshly started.

# server_warm SERVER DIR: up, with helper processes and mailboxes there
server_warm() {
	server_up "$1" "$2"
	src -s 5 -m 20 -l 1024 -t "user@$DOMAIN" 127.0.0.1:$PORT >/dev/null
	"$WORK/newmail" "$2/mail" 20 20 >/dev/null || note "$1: warm-up not delivered"
	sync
	sleep 0.5
}

# The server has nothing left to do, and the disk nothing left to write.
settled() {
	local i
	if [ "$(type -t srv_empty)" = function ]; then
		for i in $(seq 600); do
			srv_empty "$1" && break
			sleep 0.1
		done
	fi
	sync -f "$FS"
}

# Mail as fast as it is taken for STEADY (30) seconds on 20 sessions; the clock stops when the last file is
# in new/, the server's queue is empty, and all of it is on the disk.
step_steady() {
	local rep s d n chunk=1000 t0 t1 t2 c0 c1
	for rep in $(seq "$REPEATS"); do
		for s in $SERVERS; do
			fs_fresh
			d=$FS/steady-$s
			server_warm "$s" "$d"
			n=0
			c0=$(cg_usec "$s")
			t0=$(now_ns)
			while [ $((($(now_ns) - t0) / 1000000000)) -lt "${STEADY:-30}" ]; do
				timeout 180 smtp-source -d -f sender@load.test -s 20 -m $chunk -l 10240 \
				    -t "user@$DOMAIN" 127.0.0.1:$PORT >/dev/null 2>&1 || { put "$s" steady "$rep" failed "after $n"; break; }
				n=$((n + chunk))
				[ $n = 2000 ] && [ $((($(now_ns) - t0) / 1000000)) -lt 3000 ] && chunk=10000
			done
			t1=$(now_ns)
			"$WORK/newmail" "$d/mail" $((20 + n)) 300 >/dev/null || put "$s" steady "$rep" undelivered "of $n"
			settled "$d"
			t2=$(now_ns)
			c1=$(cg_usec "$s")
			put "$s" steady "$rep" messages "$n"
			put "$s" steady "$rep" accept "$(calc "$n * 1e9 / ($t1 - $t0)")"
			put "$s" steady "$rep" settled "$(calc "$n * 1e9 / ($t2 - $t0)")"
			put "$s" steady "$rep" cpu_ms "$(calc "($c1 - $c0) / 1000 / $n" 3)"
			server_down "$s" "$d"
			unset -f srv_empty
		done
	done
}

# The paper's experiment (F-21): while one host sends 100 mails in 2 s, again and again, what does another
# host's mail take, connect to file in new/? Beside the same without it.
step_neighbour() {
	local rep s d out k case
	for rep in $(seq "$REPEATS"); do
		fs_fresh
		for s in $SERVERS; do
			d=$FS/neighbour-$rep-$s
			server_warm "$s" "$d"
			for case in alone beside; do
				if [ $case = beside ]; then
					"$WORK/load" -b 127.0.0.9 -R 50 -c 20 -k 1 -n 600 -t "1user@$DOMAIN" -w 60 \
					    127.0.0.1 $PORT >"$WORK/burst.out" 2>&1 &
					LPID=$!
					sleep 0.5
				fi
				out=$("$WORK/load" -w 60 -R 40 -c 1 -k 1 -n 400 -m "$d/mail/user/new" 127.0.0.1 $PORT) ||
					note "$s $case: $out"
				for k in p50 p99; do
					put "$s" "neighbour-$case" "$rep" $k "$(echo "$out" | sed "s/.*$k=\([0-9.]*\).*/\1/")"
				done
				[ $case = beside ] && { wait $LPID || note "$s burst: $(cat "$WORK/burst.out")"; }
			done
			server_down "$s" "$d"
		done
	done
}

# MANY (100000) idle connections, plain and under TLS, from several addresses and processes.
step_many() {
	local s d n=${MANY:-100000} each=16000 i left c kb out pids mode opt
	for s in $SERVERS; do for mode in plain tls; do
		fs_fresh
		opt=; [ $mode = tls ] && opt=-s
		d=$FS/many-$s
		SESSIONS=$n
		server_warm "$s" "$d"
		left=$n i=1 pids=
		while [ $left -gt 0 ]; do
			c=$((left < each ? left : each))
			i=$((i + 1))
			"$WORK/load" -b 127.0.1.$i $opt -w 280 -c $c -i 60 127.0.0.1 $PORT >"$WORK/many.$i" 2>"$WORK/many.$i.err" &
			pids="$pids $!"
			left=$((left - c))
		done
		for left in $(seq 600); do
			[ "$(cat "$WORK"/many.*[0-9] | grep -c ready)" = $((i - 1)) ] && break
			sleep 0.5
		done
		sleep 1
		kb=$(cg_pss_kb "$s")
		out=$(cat "$WORK"/many.*[0-9] | sed -n 's/.*idle=\([0-9]*\).*/\1/p' | awk '{ s += $1 } END { print s + 0 }')
		put "$s" "many-$mode" 1 open "$out"
		put "$s" "many-$mode" 1 pss_mib "$(calc "$kb / 1024")"
		put "$s" "many-$mode" 1 processes "$(cg_pids "$s" | wc -l)"
		[ "$out" = "$n" ] || note "$s many-$mode: $(cat "$WORK"/many.*.err | head -c 200)"
		wait $pids
		rm -f "$WORK"/many.*
		SESSIONS=100
		server_down "$s" "$d"
	done; done
}
