//! Stands for every architecture that has no file here.

compile_error!(
    "faultmap makes system calls, forks and accesses memory with instructions that are written out for each \
     architecture, and this one has none: add harness/src/sys/arch/<architecture>.rs, with what x86_64.rs \
     has, and its line in harness/src/sys/arch/mod.rs"
);
