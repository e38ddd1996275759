#!/bin/sh
# Creates the service's user and hands its directories over. Doesn't start the
# service at first: it has no appliance to talk to yet.

set -e

user=threatqbeat

# own GROUP-AND-OWNER PATH, unless the administrator decided otherwise.
own() {
	if ! dpkg-statoverride --list "$2" >/dev/null 2>&1; then
		chown "$1" "$2"
	fi
}

case "$1" in
configure)
	if ! getent group "$user" >/dev/null; then
		groupadd --system "$user"
	fi
	if ! getent passwd "$user" >/dev/null; then
		useradd --system --gid "$user" --home-dir /var/lib/threatqbeat --no-create-home \
			--shell /usr/sbin/nologin --comment "threatqbeat" "$user"
	fi
	own "root:$user" /etc/threatqbeat
	own "root:$user" /etc/threatqbeat/inputs.d
	if [ -e /etc/threatqbeat/threatqbeat.yml ]; then
		own "root:$user" /etc/threatqbeat/threatqbeat.yml
	fi
	own "$user:$user" /var/lib/threatqbeat
	own "$user:$user" /var/log/threatqbeat

	if [ -d /run/systemd/system ]; then
		systemctl daemon-reload || true
		# $2 is the version that was installed before.
		if [ -n "$2" ]; then
			systemctl try-restart threatqbeat.service || true
		fi
	fi
	;;
esac
