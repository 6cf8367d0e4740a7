#!/bin/sh
# After the files are there: the user that the services run as. Nothing is started: settings come first.
set -e
if command -v systemd-sysusers >/dev/null 2>&1; then
	systemd-sysusers neurod.conf
elif ! getent passwd neurod >/dev/null 2>&1; then
	useradd --system --user-group --home-dir /var/lib/neurod --no-create-home --shell /usr/sbin/nologin neurod
fi
chgrp neurod /etc/neurod/neurod.env
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	# Of an older version: what runs is replaced. Units bring the schema up to date first.
	systemctl try-restart 'neurod*.service' || true
fi
