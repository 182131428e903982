# Sekisho itself, as released, from build/bench beside this tree (see README and servers/README).
PORT=2528
SUBMIT_PORT=2588

srv_install() {
	apt_add meson ninja-build pkg-config libevent-dev libssl-dev libgsasl-dev libsodium-dev libidn2-dev \
		libpsl-dev libseccomp-dev liblmdb-dev libcrypt-dev
	[ -f "$HERE/../../build/bench/build.ninja" ] ||
		meson setup "$HERE/../../build/bench" "$HERE/../.." --buildtype=release -Dtests=false >/dev/null || die "meson"
	ninja -C "$HERE/../../build/bench" >/dev/null || die "build"
	sekisho setup --config "$WORK/sekisho-none" --state "$WORK/sekisho-none" >/dev/null || die "setup"
}

sekisho() { "$HERE/../../build/bench/meson-out/sekisho" "$@"; }

srv_version() { sekisho version | awk '{ print $2 }'; }

srv_setup() {
	mkdir -p "$1/config"
	chown sekisho-deliver:sekisho-mail "$1/mail"
	chmod 2770 "$1/mail"
	echo "mx.$DOMAIN" >"$1/config/servername"
	printf "%s\nload.test\n" "$DOMAIN" >"$1/config/domains" # the load comes from there, and leaves as a sender of the site
	echo "$1/mail/LOCALPART/" >"$1/config/mailboxes"
	echo 50M >"$1/config/sizelimit"
	echo $((SESSIONS * 2 + 100)) >"$1/config/sessionlimit" # an eighth is for strangers
	echo $((SESSIONS * 2 + 100)) >"$1/config/clientlimit"
	echo 127.0.0.1:$SINK_PORT >"$1/config/smarthost"
	{ echo; seq 1 200; } | sed 's/$/user:!/' >"$1/config/users"
	[ -z "${WITH_LOGIN:-}" ] || {
		sed -i '/^user:/d' "$1/config/users"
		echo "$PASSWORD" | sekisho user add user --config "$1/config" --state "$1/state" >/dev/null || return 1
		echo 1000000 | tee "$1/config/usermailshour" >"$1/config/usermailsday"
	}
}

srv_start() {
	sekisho serve --config "$1/config" --state "$1/state" --address 127.0.0.1 --smtp-port $PORT \
		--workers $((SESSIONS > 20000 ? 8 : 2)) --pop3-port 2111 --pop3s-port 2996 --submission-port $SUBMIT_PORT --submissions-port 2466 >"$1/log" 2>&1 &
}

# Nothing in the spool that is not delivered and recorded.
srv_empty() { [ "$(sekisho queue --state "$1/state" --config "$1/config" --json 2>/dev/null | tr -d ' \n')" = "[]" ]; }

srv_defer() { echo 127.0.0.1:$DEAD_PORT >"$1/config/smarthost"; }

# To hosts that the DNS names: asked from the root, with that anchor; without one no name server answers.
srv_world() {
	rm "$1/config/smarthost"
	if [ -n "$2" ]; then
		echo recursive >"$1/config/nameservers"
		echo "$2" >"$1/config/trustanchors"
	else
		echo 127.0.0.1#9 >"$1/config/nameservers"
	fi
}
