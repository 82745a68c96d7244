# For the other scripts here, which read it: files out of packages of Debian that are not installed, since several
# releases of one package are wanted, or another architecture. They are kept below $DOWNLOADS.

# Prints the line of the newest version. Since 6.19 the file of a kernel is in linux-binary-VERSION, and
# linux-image-VERSION holds none.
newest() {
    awk -F '\t' '{ version = $1; is_binary = sub(/^linux-binary-/, "", version); sub(/^linux-image-/, "", version)
        print version "\t" is_binary "\t" $0 }' | sort -t '	' -k 1,1V -k 2,2n | tail -1 | cut -f 3-
}

# Unpacks the newest package of a suite whose name matches: unpack SUITE ARCHITECTURE NAME FOLDER. A suite goes on, so
# what was unpacked more than a week ago is fetched anew, if the mirror answers.
unpack() {
    [ -z "$(find "$4" -maxdepth 0 -mtime -7 2> /dev/null)" ] || return 0
    need curl dpkg-deb xz
    mirror=${MIRROR:-https://deb.debian.org/debian}
    mkdir -p "$DOWNLOADS"
    curl -sSf "$mirror/dists/$1/main/binary-$2/Packages.xz" -o "$DOWNLOADS/packages" || {
        [ ! -e "$4" ] || return 0
        skip "$mirror does not answer, or has no $1 for $2"
    }
    xz -dc "$DOWNLOADS/packages" | sed -n 's/^Package: //p; s/^Filename: //p; s/^SHA256: //p' | paste - - - |
        grep -E "^$3	" | newest > "$DOWNLOADS/package"
    read -r name path sum < "$DOWNLOADS/package" || skip "$mirror has no package $3 in $1 for $2"
    curl -sSf -o "$DOWNLOADS/deb" "$mirror/$path" || skip "$name cannot be downloaded from $mirror"
    echo "$sum  $DOWNLOADS/deb" | sha256sum --check --quiet >&2
    rm -rf "$4.part"
    dpkg-deb --extract "$DOWNLOADS/deb" "$4.part"
    rm "$DOWNLOADS/deb" "$DOWNLOADS/package" "$DOWNLOADS/packages"
    rm -rf "$4"
    mv "$4.part" "$4"
    touch "$4" # its time is the package's
}
