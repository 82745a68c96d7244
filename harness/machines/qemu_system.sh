#!/bin/sh
# Debian's kernel on a machine that QEMU emulates as a whole (TCG, one core): Linux itself answers there, and not
# QEMU. The files of the cases lie on tmpfs.
#
#     qemu_system.sh RESULTS ARCHITECTURE SUITE
set -eu
results=$1 wanted=$2 suite=$3
. "$(dirname "$0")/skip.sh"
. "$(dirname "$0")/debian.sh"

# The architecture of Debian, its kernel's name, the console, and the machine.
case $wanted in
amd64) set -- amd64 cloud-amd64 ttyS0 x86_64 -vga none -M q35 -cpu max ;;
arm64) set -- arm64 arm64 ttyAMA0 aarch64 -M virt -cpu cortex-a72 ;;
# That CPU has no pages of 16 KiB.
arm64-16k) set -- arm64 arm64-16k ttyAMA0 aarch64 -M virt -cpu max,pauth-impdef=on ;;
s390x) set -- s390x s390x ttysclp0 s390x -M s390-ccw-virtio -cpu max ;;
riscv64) set -- riscv64 riscv64 ttyS0 riscv64 -M virt ;;
# TCG has no protection from Spectre, and refuses to promise any.
powerpc64le-64k)
    set -- ppc64el powerpc64le-64k hvc0 ppc64 -vga none -cpu power9 \
        -M pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off ;;
*) echo "$0: no machine is called $wanted" >&2; exit 2 ;;
esac
debian=$1 kernel=$2 console=$3 machine=$4
shift 4
need "qemu-system-$machine" cpio
"qemu-system-$machine" --version | head -1 > "$results/version"

# The package has the kernel's release in its name; some of Debian's packages of a kernel are without a signature.
linux=$DOWNLOADS/linux-$suite-$kernel
unpack "$suite" "$debian" "linux-(image|binary)-[0-9][^-]*(-[0-9]+)?-$kernel" "$linux"
kernel_file=$(find "$linux" -name 'vmlinu*' -type f | head -1)
[ -n "$kernel_file" ] || { echo "the package has no kernel: $linux" >&2; rm -r "$linux"; exit 1; }
busybox=$DOWNLOADS/busybox-$debian
unpack trixie "$debian" busybox-static "$busybox"

# The first process of the machine, and all that it has.
root=$results/root
mkdir -p "$root/bin"
cp "$FAULTMAP" "$root/faultmap"
cp "$INSIDE" "$root/inside"
cp "$(find "$busybox" -name busybox -type f -perm -u+x | head -1)" "$root/bin"
cat > "$root/init" <<INIT
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /results
/bin/busybox --install -s /bin
export PATH=/bin HOME=/ PROGRAMS=$PROGRAMS JOBS=1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/shm
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
/inside /results /tmp /faultmap
echo # the firmware ends in the middle of a line
echo BEGIN
tar -c -C /results . | gzip | base64
echo END
poweroff -f
INIT
chmod 755 "$root/init" "$root/bin/busybox" "$root/inside"
ln -sf busybox "$root/bin/sh"
(cd "$root" && find . | cpio -o -H newc --quiet | gzip) > "$results/initramfs"
rm -r "$root"

"qemu-system-$machine" "$@" -m 2G -nic none -nographic -no-reboot \
    -kernel "$kernel_file" -initrd "$results/initramfs" \
    -append "console=$console panic=-1 quiet loglevel=3" < /dev/null > "$results/console" 2>&1 || true
rm "$results/initramfs"
tr -d '\r' < "$results/console" | sed -n '/^BEGIN$/,/^END$/p' | sed '1d;$d' | base64 -d | tar -xz -C "$results"
