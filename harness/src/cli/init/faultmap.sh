#!/bin/sh
# Fails where this machine behaves otherwise than snapshots/ says: for any CI, and for a shell.
# ./faultmap.sh --dir /mnt/it measures another file system; `faultmap run --help` lists the exit codes.
set -eu
cd "$(dirname "$0")"
command -v faultmap > /dev/null || { echo "faultmap is not installed; in its own folder: cargo install --locked --path harness" >&2; exit 2; }
exec faultmap run "$@"
