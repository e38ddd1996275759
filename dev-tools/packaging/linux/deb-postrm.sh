#!/bin/sh
# Removes data and logs when the package is purged, and only then. The user
# stays: files elsewhere may still belong to it.

set -e

case "$1" in
remove)
	if [ -d /run/systemd/system ]; then
		systemctl daemon-reload || true
	fi
	;;
purge)
	rm -rf /var/lib/threatqbeat /var/log/threatqbeat
	;;
esac
