# For the other scripts here, which read it: what ends a machine that cannot be had.

# skip REASON
skip() {
    echo "$*" > "$results/skipped"
    exit 4
}

# need COMMAND...: PACKAGES are those of the machine in machines.txt.
need() {
    for command; do
        command -v "$command" > /dev/null || PATH=$PATH:/sbin:/usr/sbin command -v "$command" > /dev/null ||
            skip "there is no $command here: apt-get install $PACKAGES"
    done
}
