#!/bin/sh
# Stops the service when the package goes away; an upgrade restarts it at its end.

set -e

if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
	systemctl --no-reload disable --now threatqbeat.service || true
fi
