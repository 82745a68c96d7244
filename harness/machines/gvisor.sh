#!/bin/sh
# gVisor: a kernel of its own as a program of this machine, which answers the system calls of the programs in its
# sandbox.
#
#     gvisor.sh RESULTS SUITE PLATFORM
set -eu
results=$1
. "$(dirname "$0")/skip.sh"
. "$(dirname "$0")/debian.sh"
unpack "$2" amd64 runsc "$DOWNLOADS/runsc-$2"
runsc=$DOWNLOADS/runsc-$2/usr/bin/runsc
"$runsc" --version > "$results/version"
# Nothing that is written inside reaches this machine, so the results come as an archive.
"$runsc" --rootless --network=none --platform="$3" --ignore-cgroups do \
    env PROGRAMS="$PROGRAMS" JOBS="$JOBS" sh -c "
        mkdir -p /tmp/files /tmp/results
        '$INSIDE' /tmp/results /tmp/files '$FAULTMAP'
        tar -c -C /tmp/results . | base64" 2> "$results/sandbox.txt" | base64 -d | tar -x -C "$results"
