#!/bin/sh
# Runs threatqbeat with the paths of the installed package.
#
# What root starts here that may write to the data directory runs as the
# service's user: a keystore or a registry that belongs to root would keep the
# service from starting.

set -eu

user=threatqbeat
run=/usr/share/threatqbeat/bin/threatqbeat

# These have nothing to do with the installed configuration and data.
case "${1:-run}" in
demo | simulate | completion | __complete | __completeNoDesc | help | version | -h | --help | --version)
	exec "$run" "$@"
	;;
esac

set -- "$run" \
	--path.home /usr/share/threatqbeat \
	--path.config /etc/threatqbeat \
	--path.data /var/lib/threatqbeat \
	--path.logs /var/log/threatqbeat \
	"$@"

if [ "$(id -u)" = 0 ] && id "$user" >/dev/null 2>&1 && command -v setpriv >/dev/null; then
	set -- setpriv --reuid="$user" --regid="$user" --init-groups -- "$@"
fi

exec "$@"
