#!/bin/sh
# Doesn't start the service at first: it has no appliance to talk to yet.
# $1 is the number of versions installed now: 2 on an upgrade.
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
	if [ "$1" -ge 2 ]; then
		systemctl try-restart threatqbeat.service || true
	fi
fi
exit 0
