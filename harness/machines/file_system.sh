#!/bin/sh
# The kernel of this machine with a file system of its own, which is mounted in a mount namespace: nobody else
# sees it, and nothing of it is left.
#
#     file_system.sh RESULTS image MKFS [OPTION...]     an image of 1 GiB, through a loop device (root)
#     file_system.sh RESULTS memory TYPE [OPTIONS]      a file system without a disk
#     file_system.sh RESULTS overlay                    a folder above another one, both on tmpfs
#     file_system.sh RESULTS fuse SERVER                a FUSE server that shows a folder of a tmpfs
set -eu
. "$(dirname "$0")/skip.sh"

# Without root, a user namespace can mount what needs no disk.
if [ "${1:-}" != --in-namespace ]; then
    if [ "$(id -u)" = 0 ]; then
        exec unshare --mount "$0" --in-namespace "$@"
    fi
    [ "$2" = image ] && skip "only root can mount an image"
    unshare --user --map-root-user --mount true 2>/dev/null || skip "this kernel lets no ordinary user mount"
    exec unshare --user --map-root-user --mount "$0" --in-namespace "$@"
fi
results=$2 kind=$3
shift 3

# A tmpfs holds all that is needed on the way: it is gone with the namespace.
here=$results/mounted
mkdir -p "$here"
mount -t tmpfs -o size=2g tmpfs "$here"
mkdir "$here/files" "$here/lower" "$here/work"
case $kind in
image)
    truncate --size 1G "$here/image"
    "$@" "$here/image" > "$results/mkfs.txt" 2>&1
    mount -o loop "$here/image" "$here/files"
    ;;
memory) mount -t "$1" ${2:+-o "$2"} none "$here/files" ;;
overlay)
    mkdir "$here/upper"
    mount -t overlay -o "lowerdir=$here/lower,upperdir=$here/upper,workdir=$here/work" none "$here/files"
    ;;
fuse) "$1" "$here/lower" "$here/files" ;;
esac
"$INSIDE" "$results" "$here/files" "$FAULTMAP"
umount "$here/files"
umount "$here"
rmdir "$here"
