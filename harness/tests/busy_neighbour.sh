#!/bin/sh
# Runs a command several times on a machine that others use, too: beside eight processes that spin, and
# loops that make and remove SysV segments, files in /dev/shm, and mounts (as root). What the others had
# is gone afterwards, however the command ends.
#
#     busy_neighbour.sh ROUNDS COMMAND...
set -u
[ $# -ge 2 ] || { echo "usage: $0 ROUNDS COMMAND..." >&2; exit 2; }
rounds=$1
shift

# The neighbours go on for as long as this is there, and so is this script.
here=$(mktemp -d) || exit 1
here_for=$$
go_on() { [ -e "$here/go" ] && kill -0 "$here_for" 2>/dev/null; }
: > "$here/go"
mkdir "$here/tmpfs" "$here/proc"

spin() {
    while go_on; do
        turn=0
        while [ $turn -lt 100000 ]; do turn=$((turn + 1)); done
    done
}
segments() {
    while go_on; do
        id=$(ipcmk --shmem 65536 | sed 's/[^0-9]//g')
        ipcrm --shmem-id "$id"
    done
}
files() {
    while go_on; do
        file=$(mktemp /dev/shm/neighbour.XXXXXX) && rm "$file"
    done
}
# A second /proc, too: what hides parts of the first must not rely on there being no other.
mounts() {
    while go_on; do
        for kind in tmpfs proc; do
            mount -t $kind none "$here/$kind" && umount "$here/$kind"
        done
    done
}

leave() {
    rm -f "$here/go"
    wait
    for kind in tmpfs proc; do
        while umount "$here/$kind" 2>/dev/null; do :; done
    done
    rmdir "$here/tmpfs" "$here/proc" "$here"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

neighbours="segments files"
if [ "$(id -u)" = 0 ]; then
    neighbours="$neighbours mounts"
else
    echo "only root can mount: no neighbour does" >&2
fi
for neighbour in spin spin spin spin spin spin spin spin $neighbours; do
    $neighbour > /dev/null 2>&1 &
done

round=0 red=0
while [ $round -lt "$rounds" ]; do
    round=$((round + 1))
    echo "--- round $round of $rounds: $*"
    "$@" || red=$((red + 1))
done
echo "$((rounds - red)) of $rounds rounds are green"
[ $red = 0 ]
