#!/bin/sh
# User-mode Linux: a kernel of Debian as a process of this machine, with the files of this machine by hostfs.
#
#     user_mode_linux.sh RESULTS SUITE
set -eu
results=$1
. "$(dirname "$0")/skip.sh"
. "$(dirname "$0")/debian.sh"
need patchelf
# These releases keep less of the state of the CPU than the host asks back; see docs/portability.md.
case $2 in
bookworm | trixie)
    ! grep -qs amx_tile /proc/cpuinfo || skip "this CPU has AMX, with which the kernel of $2 runs no process" ;;
esac
linux=$DOWNLOADS/uml-$2
unpack "$2" amd64 user-mode-linux "$linux"
# The libraries of the newest release are good for all of them, and those of this machine may be too old.
unpack sid amd64 libc6 "$DOWNLOADS/libc6"
unpack sid amd64 libgcc-s1 "$DOWNLOADS/libgcc"
libraries=$DOWNLOADS/libc6/usr/lib/x86_64-linux-gnu
cp -n "$DOWNLOADS"/libgcc/usr/lib/x86_64-linux-gnu/libgcc_s.so.1 "$libraries"
linux=$linux/usr/bin/linux.uml
patchelf --set-interpreter "$libraries/ld-linux-x86-64.so.2" --set-rpath "$libraries" "$linux"
"$linux" --version | tail -1 > "$results/version"

mkdir "$results/files"
cat > "$results/init" <<INIT
#!/bin/sh
export PATH=/usr/bin:/bin:/usr/sbin:/sbin PROGRAMS=$PROGRAMS JOBS=1
mount -t proc proc /proc
mount -t tmpfs tmpfs '$results/files'
'$INSIDE' '$results' '$results/files' '$FAULTMAP'
echo o > /proc/sysrq-trigger
sleep 10
INIT
chmod 755 "$results/init"
"$linux" mem=1G root=/dev/root rootfstype=hostfs rw init="$results/init" con=null con0=fd:0,fd:1 quiet \
    < /dev/null > "$results/console" 2>&1 || true
rmdir "$results/files"
