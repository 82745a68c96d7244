#!/bin/sh
# The user mode of QEMU: it translates the instructions of one program, and passes its system calls on to the
# kernel of this machine, after a look at them.
#
#     qemu_user.sh RESULTS ARCHITECTURE
set -eu
results=$1
. "$(dirname "$0")/skip.sh"
. "$(dirname "$0")/debian.sh"
# The newest release: it is one static file, and older ones hang more often.
unpack sid "$(dpkg --print-architecture)" qemu-user "$DOWNLOADS/qemu-user"
qemu=$DOWNLOADS/qemu-user/usr/bin/qemu-$2
"$qemu" --version | head -1 > "$results/version"
mkdir -p "$results/files"
"$INSIDE" "$results" "$results/files" "$qemu" "$FAULTMAP"
rmdir "$results/files"
