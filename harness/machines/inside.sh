#!/bin/sh
# What every machine runs: the cases, and then a search with random programs. It needs a shell alone, and
# writes run.json, explore.txt and what was found to the folder RESULTS.
#
#     inside.sh RESULTS FOLDER COMMAND...
#
# FOLDER is where the files of the cases are made; COMMAND is how faultmap is called. PROGRAMS, from the
# environment, is the number of random programs; JOBS the number of workers.
results=$1 folder=$2
shift 2

ulimit -c 0 # the user mode of QEMU writes cores of its own
# Exit code 3 says that some case has no answer, and 1 that a picture differs: both are results.
"$@" run --json --jobs "$JOBS" --dir "$folder" > "$results/run.json" 2> "$results/run.txt"
echo $? > "$results/run.exit"
[ "$PROGRAMS" = 0 ] || {
    "$@" explore --count "$PROGRAMS" --jobs "$JOBS" --dir "$folder" --out "$results" > "$results/explore.txt" 2>&1
    echo $? > "$results/explore.exit"
}
