//! A command is learned from its examples: these stand below the help.

/// Examples of all commands.
pub const ALL: &str = "\
Examples:
  faultmap run                                   all cases, compared with their snapshots
  faultmap run --verbose                         the same, with the picture of every case
  faultmap run notes/map_of_empty_file --dir /mnt/mine
                                                 one case, with its files in /mnt/mine
  faultmap run 'map_8192*'                       those whose names begin so
  faultmap run notes --accept                    keep the pictures that are new or have changed
  faultmap run notes --json | jq .verdict        a family, for a script
  faultmap run --format junit > results.xml      for a server that reads JUnit's XML
  faultmap show my.case                          any case file, without comparing; - for stdin
  faultmap show my.case --watch                  again, whenever the file is saved
  faultmap show my.case --access read --at 4096  one probe, with all that is recorded of it
  faultmap show my.case --c > it.c               the case as a C program, for a bug report
  faultmap predict my.case --page-size 65536     what must happen, on a machine with larger pages
  faultmap predict my.case --fs xfs --kernel 6.12  on another file system and kernel
  faultmap run --partition 1/4 --json > 1.json   a quarter of the cases, for faultmap merge
  faultmap compare here.json there.json          where two machines differ, and why
  faultmap run --isolation strict                children that reach only the files of their cases
  faultmap explore --for 60s --dir /mnt/mine     random programs, kernel against model
  faultmap exec -- ./server --port 80            why a program dies of SIGBUS or SIGSEGV
  faultmap exec --core core.4711                 the same of its core file";

/// Examples of `exec`.
pub const OF_EXEC: &str = "\
Examples:
  faultmap exec -- ./server --port 80
  faultmap exec --watch -- rg --mmap needle big.txt
  faultmap exec --expect SIGBUS -- ./reads_past_the_end && echo as expected
  faultmap exec --core core.4711";

/// Examples of `explore`.
pub const OF_EXPLORE: &str = "\
Examples:
  faultmap explore --for 60s --out /tmp          what is found, with a case and a C program of each
  faultmap explore --count 2000 --json > known.json
  faultmap explore --count 2000 --seed 2 --against known.json
                                                 only what is new, as in a CI of an emulator
  faultmap run --json > cases.json; faultmap explore --against cases.json
                                                 what the cases do not show";

/// Examples of `compare`.
pub const OF_COMPARE: &str = "\
Examples:
  faultmap run --json > ext4.json
  faultmap run --json --dir /dev/shm > tmpfs.json
  faultmap compare ext4.json tmpfs.json
  faultmap compare linux=here.json phone=there.json --html machines.html
  faultmap compare --against model gvisor.json   what to mend, the most frequent first";
