#!/bin/sh
# Creates the service's user, to which files of the package belong.
getent group threatqbeat >/dev/null || groupadd --system threatqbeat
getent passwd threatqbeat >/dev/null ||
	useradd --system --gid threatqbeat --home-dir /var/lib/threatqbeat --no-create-home \
		--shell /sbin/nologin --comment threatqbeat threatqbeat
exit 0
