#!/bin/sh
# Builds the command as one static file that needs nothing beside it, checks it, and puts it into target/dist/.
#
#     dist.sh [ARCHITECTURE...]
#
# The architectures are x86_64, aarch64, riscv64 and powerpc64le, all of them if none is named; and s390x. With musl
# the linker of Rust is enough. Where rustup has no musl for an architecture, it takes glibc and the C compiler of the
# architecture. What is missing for one is said with the line that brings it, and the others are built. Exits with 1 if
# a check fails, and with 4 if nothing was built.
set -u
cd "$(dirname "$0")/.." || exit 1
[ $# -gt 0 ] || set -- x86_64 aarch64 riscv64 powerpc64le
most=10000000 # bytes
built=${CARGO_TARGET_DIR:-target}
dist=$built/dist
here=$(uname -m)
[ "$here" != ppc64le ] || here=powerpc64le
mkdir -p "$dist"

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' harness/Cargo.toml)
# Rust's own linker leaves the symbols, whatever the profile says. Its objcopy refuses what GNU's linker has made
# for some architectures.
sysroot=$(rustc --print sysroot)
rust_objcopy=$sysroot/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin/rust-objcopy
commit=$(git rev-parse --short=12 HEAD 2>/dev/null) || commit="commit unknown"
done_=0 failed=

skipped() {
    echo "skipped: $architecture: $*" >&2
}
wrong() {
    echo "$file: $*" >&2
    failed="$failed $architecture"
}

# Whether rustup has a target, or can add it.
has_target() {
    rustup target list --installed | grep -qx "$1" || rustup target add "$1" > /dev/null 2>&1
}

# Builds it for a target with a linker, and strips it: TARGET LINKER OBJCOPY [ARGUMENTS OF cargo...].
build() {
    target=$1 linker=$2 objcopy=$3
    shift 3
    variable=CARGO_TARGET_$(echo "$target" | tr a-z- A-Z_)_LINKER
    env "$variable=$linker" cargo "$@" build --locked --profile stripped --bin faultmap --target "$target" \
        --target-dir "$built" \
        && LD_LIBRARY_PATH=$sysroot/lib "$objcopy" --strip-all "$built/$target/stripped/faultmap" "$file"
}

# Builds it with what there is.
make_file() {
    musl=$rust-unknown-linux-musl gnu=$rust-unknown-linux-gnu
    if has_target "$musl"; then
        build "$musl" rust-lld "$rust_objcopy" || wrong "it cannot be built or stripped for $musl"
        return
    fi
    compiler=$architecture-linux-gnu-gcc
    package=gcc-$(echo "$architecture" | tr _ -)-linux-gnu
    has_target "$gnu" || { skipped "rustup target add $musl"; return 1; }
    command -v "$compiler" > /dev/null || { skipped "apt-get install $package"; return 1; }
    build "$gnu" "$compiler" "$architecture-linux-gnu-objcopy" \
        --config 'build.rustflags = ["-C", "target-feature=+crt-static"]' \
        || wrong "it cannot be built or stripped for $gnu"
}

# It is one file: no loader, no library, no symbols, and small.
check_file() {
    ! readelf -lW "$file" | grep -q INTERP || wrong "it has a loader (PT_INTERP)"
    ! readelf -dW "$file" | grep -q NEEDED || wrong "it needs a library (DT_NEEDED)"
    ! readelf -SW "$file" | grep -q '\.symtab' || wrong "it is not stripped"
    bytes=$(wc -c < "$file")
    [ "$bytes" -le "$most" ] || wrong "it has $bytes bytes, and not at most $most"
    echo "$file: $bytes bytes"
}

# It runs where there is nothing: in an empty folder, by an empty environment.
check_runs() {
    runner=
    if [ "$architecture" != "$here" ]; then
        emulator=qemu-$(echo "$architecture" | sed s/powerpc64le/ppc64le/)
        runner=$(command -v "$emulator") || { echo "not run: $file: apt-get install qemu-user"; return; }
    fi
    whole=$PWD/$file
    case $file in /*) whole=$file ;; esac
    empty=$(mktemp -d) || exit 1
    # shellcheck disable=SC2086 # none, or one word
    told=$(cd "$empty" && env -i $runner "$whole" --version) || wrong "it does not start"
    case $told in
        "faultmap $version ($commit)" | "faultmap $version ($commit-dirty)") echo "$told" ;;
        *) wrong "--version says '$told', and not '$version ($commit)'" ;;
    esac
    # shellcheck disable=SC2086
    if ! (cd "$empty" && env -i $runner "$whole" show notes/map_8192_of_2200_byte_file) > "$empty/picture" \
        || ! grep -q 'read  *| data  *| zero  *| SIGBUS ADRERR  *| SIGSEGV MAPERR' "$empty/picture"; then
        cat "$empty/picture"
        wrong "it does not measure"
    fi
    tail -1 "$empty/picture"
    rm -r "$empty"
}

command -v readelf > /dev/null || { echo "readelf is needed: apt-get install binutils" >&2; exit 1; }
for architecture; do
    rust=$architecture
    [ "$architecture" != riscv64 ] || rust=riscv64gc
    file=$dist/faultmap-$version-$architecture-linux
    rm -f "$file"
    echo "--- $file"
    make_file && [ -e "$file" ] || continue
    check_file
    check_runs
    done_=$((done_ + 1))
done
[ -z "$failed" ] || { echo "failed:$failed" >&2; exit 1; }
[ "$done_" -gt 0 ] || exit 4
