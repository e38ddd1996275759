#!/bin/sh
# Stops the service when the last version goes away.
if [ "$1" -eq 0 ] && [ -d /run/systemd/system ]; then
	systemctl --no-reload disable --now threatqbeat.service || true
fi
exit 0
