# For the other scripts here, which read it: files out of packages of Debian that are not installed, since several
# releases of one package are wanted, or another architecture. They are kept below $DOWNLOADS.

# Unpacks the newest package of a suite whose name matches: unpack SUITE ARCHITECTURE NAME FOLDER.
unpack() {
    [ ! -e "$4" ] || return 0
    need curl dpkg-deb xz
    mirror=${MIRROR:-https://deb.debian.org/debian}
    mkdir -p "$DOWNLOADS"
    curl -sSf "$mirror/dists/$1/main/binary-$2/Packages.xz" -o "$DOWNLOADS/packages" ||
        skip "$mirror does not answer, or has no $1 for $2"
    xz -dc "$DOWNLOADS/packages" | sed -n 's/^Package: //p; s/^Filename: //p; s/^SHA256: //p' | paste - - - |
        grep -E "^$3	" | sort -V | tail -1 > "$DOWNLOADS/package"
    read -r name path sum < "$DOWNLOADS/package" || skip "$mirror has no package $3 in $1 for $2"
    curl -sSf -o "$DOWNLOADS/deb" "$mirror/$path" || skip "$name cannot be downloaded from $mirror"
    echo "$sum  $DOWNLOADS/deb" | sha256sum --check --quiet >&2
    rm -rf "$4.part"
    dpkg-deb --extract "$DOWNLOADS/deb" "$4.part"
    rm "$DOWNLOADS/deb" "$DOWNLOADS/package" "$DOWNLOADS/packages"
    mv "$4.part" "$4"
}
