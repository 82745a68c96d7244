#!/bin/sh
# Runs the cases, and then a search with random programs, on every machine of machines.txt that can be had here:
# file systems, kernels, emulators and sandboxes. One that cannot be had is skipped, and the line says what brings it.
# Writes a file for each machine, and target/machines/index.html, which holds them against each other.
#
#     matrix.sh [--list] [--programs N] [MACHINE...]
#
#     --list          print the machines, and run nothing
#     --programs N    random programs for each machine [default: 100; 0: no search]
#
# An ordinary user has fewer machines than root. Exit codes: 0 each machine that was begun gave its results, whatever
# they say; 1 one gave none; 2 wrong usage; 3 faultmap cannot be built; 4 no machine could be had.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
results=$PWD/${CARGO_TARGET_DIR:-target}/machines
table=$here/machines.txt

machines() { sed 's/#.*//' "$table" | awk 'NF { print $1 }'; }
wrong() { echo "$0: $*; see its first lines" >&2; exit 2; }

PROGRAMS=100 list=
while [ $# -gt 0 ]; do
    case $1 in
    --list) list=yes ;;
    --programs)
        [ $# -ge 2 ] || wrong "--programs needs a number"
        PROGRAMS=$2
        case $PROGRAMS in '' | *[!0-9]*) wrong "$PROGRAMS is no number" ;; esac
        shift ;;
    -*) wrong "there is no option $1" ;;
    *) break ;;
    esac
    shift
done
for name; do
    machines | grep -qx "$name" || wrong "no machine is called $name (--list prints them)"
done
[ -z "$list" ] || { sed 's/^#$//' "$table"; exit 0; }
# shellcheck disable=SC2046 # a name is a word
[ $# -gt 0 ] || set -- $(machines)

own_architecture=$(uname -m | sed s/ppc64le/powerpc64le/)

# The architecture of a machine.
architecture() {
    case $1 in
    *aarch64* | arm64*) echo aarch64 ;;
    powerpc64le*) echo powerpc64le ;;
    riscv64*) echo riscv64 ;;
    s390x*) echo s390x ;;
    *) echo "$own_architecture" ;;
    esac
}

# What building the binary for an architecture has printed.
build_log() { echo "$results/build-$1.txt"; }

# Prints the path of the binary for an architecture, and builds it once.
binary() {
    log=$(build_log "$1")
    [ -e "$log" ] || "$here/../dist.sh" "$1" > "$log" 2>&1 || {
        # QEMU, in which a file of another architecture is tried, may have made the mistake: only the own file must pass.
        [ "$1" != "$own_architecture" ] || return
        echo "If there is a file, it is used all the same." >> "$log"
    }
    # dist.sh says the name, and has removed an older file.
    file=$(sed -n 's/^--- //p' "$log")
    case $file in /*) ;; *) file=$PWD/$file ;; esac
    [ -f "$file" ] && echo "$file"
}

# One line of a result: what the cases say, what the search says, and how long it took.
outcome() {
    "$FAULTMAP_HERE" compare --color never --quiet --against model "$1/run.json" 2>/dev/null | tail -1
    [ ! -e "$1/explore.txt" ] || tail -1 "$1/explore.txt"
}

export PROGRAMS JOBS=1 INSIDE="$here/inside.sh" DOWNLOADS="$results/downloads" PACKAGES FAULTMAP
mkdir -p "$results"
rm -f "$results"/build-*.txt
FAULTMAP_HERE=$(binary "$own_architecture") || { cat "$(build_log "$own_architecture")" >&2; exit 3; }
had= none= skipped=0
for name; do
    read -r _ kind PACKAGES arguments <<LINE
$(grep -E "^$name +" "$table")
LINE
    PACKAGES=$(echo "$PACKAGES" | tr , ' ')
    to=$results/$name
    rm -rf "$to"
    mkdir -p "$to"
    printf '%-16s ' "$name"
    begun=$(date +%s)
    architecture=$(architecture "$name")
    if ! FAULTMAP=$(binary "$architecture"); then
        log=$(build_log "$architecture")
        missing=$(sed -n 's/^skipped: //p' "$log")
        if [ -n "$missing" ]; then echo "$missing" > "$to/skipped"; else cp "$log" "$to/log"; fi
    fi
    # A machine that hangs as a whole is given up.
    # shellcheck disable=SC2086 # several arguments
    [ -z "$FAULTMAP" ] || timeout --kill-after=10 900 "$here/$kind.sh" "$to" $arguments > "$to/log" 2>&1 || true
    if [ -e "$to/skipped" ]; then
        echo "skipped: $(cat "$to/skipped")"
        skipped=$((skipped + 1))
        rm -rf "$to"
    elif [ -s "$to/run.json" ]; then
        echo "$(outcome "$to" | awk '{ printf "%s; ", $0 }')$(($(date +%s) - begun)) s"
        had="$had $name=$to/run.json"
    else
        echo "gave no result: $to says what came"
        none="$none $name"
    fi
done


if [ -n "$had" ]; then
    # Exit code 1 says that something differs, and 3 that a case has no answer: both are results.
    # shellcheck disable=SC2086 # a name and a file for each machine
    "$FAULTMAP_HERE" compare --against model --html "$results/index.html" $had > "$results/findings.txt" || true
    echo "The page is $results/index.html; findings.txt is beside it."
fi
echo "$(echo "$had" | wc -w) machines, $skipped skipped${none:+, without a result:$none}"
[ -z "$none" ] || exit 1
[ -n "$had" ] || exit 4
