#!/bin/sh
# Runs the cases on Debian's kernel of another architecture, which QEMU emulates as a whole machine. Prints what
# faultmap prints, and exits as it does.
#
#     other_architecture.sh ARCHITECTURE [ARGUMENTS OF faultmap run...]
#
# The architectures are those of the table below; those that end in k have pages of that size. It downloads the kernel
# and busybox from a Debian mirror, some 15 MB, and keeps them below target/.
#
# It needs rustup, curl, and these packages of Debian: cpio, dpkg, xz-utils; gcc-aarch64-linux-gnu and qemu-system-arm
# for arm64; qemu-system-misc and gcc-s390x-linux-gnu for s390x, or gcc-riscv64-linux-gnu for riscv64;
# gcc-powerpc64le-linux-gnu and qemu-system-ppc for powerpc64le; qemu-system-x86 for amd64.
set -eu
[ $# -ge 1 ] || { echo "usage: $0 ARCHITECTURE [ARGUMENTS OF faultmap run...]" >&2; exit 2; }
wanted=$1
shift

# The name of the CPU in a Rust target and in a linker, the architecture of Debian, the console, and the machine.
case $wanted in
arm64) set -- aarch64 aarch64 arm64 ttyAMA0 "aarch64 -M virt -cpu cortex-a72" "$@" ;;
# That CPU has no pages of 16 KiB.
arm64-16k) set -- aarch64 aarch64 arm64 ttyAMA0 "aarch64 -M virt -cpu max,pauth-impdef=on" "$@" ;;
s390x) set -- s390x s390x s390x ttysclp0 "s390x -M s390-ccw-virtio -cpu max" "$@" ;;
riscv64) set -- riscv64gc riscv64 riscv64 ttyS0 "riscv64 -M virt" "$@" ;;
# TCG has no protection from Spectre, and refuses to promise any.
powerpc64le | powerpc64le-64k)
    set -- powerpc64le powerpc64le ppc64el hvc0 "ppc64 -vga none -cpu power9 \
        -M pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off" "$@" ;;
amd64) set -- x86_64 x86_64 amd64 ttyS0 "x86_64 -vga none -M q35 -cpu max" "$@" ;;
*) echo "$0: $wanted is none of: arm64 arm64-16k s390x riscv64 powerpc64le powerpc64le-64k amd64" >&2; exit 2 ;;
esac
target=$1-unknown-linux-gnu gcc=$2-linux-gnu-gcc debian=$3 console=$4 machine=$5
shift 5

cd "$(dirname "$0")/../.."
built=${CARGO_TARGET_DIR:-target}
here=$built/other_architecture/$wanted
mirror=${MIRROR:-https://deb.debian.org/debian}
rm -rf "$here/root"
mkdir -p "$here/root/bin"

# Unpacks one file of the newest package of a suite whose name matches: SUITE NAME FILE TO.
unpack() {
    [ ! -e "$4" ] || return 0
    curl -sSf "$mirror/dists/$1/main/binary-$debian/Packages.xz" | xz -dc |
        sed -n 's/^Package: //p; s/^Filename: //p; s/^SHA256: //p' | paste - - - |
        grep -E "^$2	" | sort -V | tail -1 > "$here/package"
    read -r name path sum < "$here/package" || { echo "$0: $mirror has no $2 in $1" >&2; exit 1; }
    echo "--- $name of $1" >&2
    curl -sSf -o "$here/deb" "$mirror/$path"
    echo "$sum  $here/deb" | sha256sum --check --quiet
    dpkg --fsys-tarfile "$here/deb" | tar -xO --wildcards "$3" > "$here/unpacked"
    rm "$here/deb"
    mv "$here/unpacked" "$4"
}
unpack "${SUITE:-trixie-backports}" "linux-binary-[^-]*-$wanted" './usr/lib/modules/*/vmlinuz' "$here/kernel"
unpack trixie busybox-static './*/busybox' "$here/busybox"

rustup target add "$target"
[ "$debian" = amd64 ] && gcc=cc
export "CARGO_TARGET_$(echo "$target" | tr a-z- A-Z_)_LINKER=$gcc"
export "CARGO_TARGET_$(echo "$target" | tr a-z- A-Z_)_RUSTFLAGS=-C target-feature=+crt-static"
cargo build --release --target "$target" --bin faultmap

# The first process of the machine, and all that it has.
cp -r cases snapshots "$built/$target/release/faultmap" "$here/root"
cp "$here/busybox" "$here/root/bin"
chmod 755 "$here/root/bin/busybox"
cat > "$here/root/init" <<INIT
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp
/bin/busybox --install -s /bin
export PATH=/bin HOME=/
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/shm
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
echo 0 > /proc/sys/debug/exception-trace # some kernels print every fault of a process
echo "\$(uname -srm), pages of \$(sed -n 's/KernelPageSize: *//p' /proc/self/smaps | head -1)"
cd /
{ /faultmap run --jobs 1 --timeout 60000 $* 2>&1; echo "exit code: \$?"; } | cat
poweroff -f
INIT
chmod 755 "$here/root/init"
(cd "$here/root" && find . | cpio -o -H newc --quiet | gzip) > "$here/initramfs"

# shellcheck disable=SC2086 # the machine is several words
qemu-system-$machine -m 2G -nic none -nographic -no-reboot -kernel "$here/kernel" -initrd "$here/initramfs" \
    -append "console=$console panic=-1 quiet loglevel=3" < /dev/null | tee "$here/output"
exit "$(tr -d '\r' < "$here/output" | sed -n 's/^exit code: //p' | grep . || echo 1)"
