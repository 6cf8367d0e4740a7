#!/bin/sh
# Before the files go for good. An upgrade (deb: "upgrade", rpm: 1) stops nothing.
set -e
case "$1" in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl disable --now 'neurod*.service' || true
	fi
	;;
esac
