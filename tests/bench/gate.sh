#!/bin/bash
# What ./bench gate runs: look-ups of the gate by store; what popKey costs a session; questions to popkey-export. The
# Redis is unpacked privately, on a port of its own.
set -u
cd "$(dirname "$0")/../.." || exit 1
program=build/tested/meson-out/bench_gate port=6391
"$program" table
"$program" directory
for open in 10 10000 1000000; do
	python3 tests/bench/asked.py build/tested/meson-out/popkey-export $open
done
"${program%/*}"/test_keepers_auth_opening 2>&1 | grep "from the right password"
unshare --net --mount -- tests/system/namespace 0 0 tests/bench/popkey.py "${program%/*}" || exit 1
foreign=$(tests/system/unpack redis-server redis-tools libatomic1 liblua5.1-0 liblzf1 libjemalloc2 lua-cjson lua-bitop \
	libhiredis0.14) || exit 1
export LD_LIBRARY_PATH=$foreign/usr/lib/x86_64-linux-gnu
"$foreign/usr/bin/redis-server" --port $port --bind 127.0.0.1 --save '' --appendonly no >/dev/null &
redis=$!
trap 'kill $redis' EXIT
sleep 1
"$program" redis $port
"$foreign/usr/bin/redis-cli" -p $port INFO memory | grep used_memory_human
