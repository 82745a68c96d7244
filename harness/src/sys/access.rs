//! An access must be exactly one load, one store or one jump of the CPU: see [`super::arch`].

use super::Child;
use super::arch::{
    self, FAULT_ADDRESS_UNIT, RETURN, load1, load2, load4, load8, store1, store2, store4, store8,
};

/// Returns the byte that a file of return instructions holds at this offset.
pub fn returns_at(offset: u64) -> u8 {
    RETURN[(offset % RETURN.len() as u64) as usize]
}

/// Returns the alignment of instructions: the length of the shortest, which is the return instruction.
pub const fn instruction_bytes() -> usize {
    RETURN.len()
}

/// Returns the start of the instruction that holds the byte at this address, where all instructions have the
/// same length: a multiple of that length. A jump to the byte goes there.
#[inline(always)]
pub const fn instruction_at(address: u64) -> u64 {
    start_of(address, instruction_bytes() as u64)
}

/// Returns what the kernel tells in `si_addr` of a fault at this address.
pub const fn told_address(address: u64) -> u64 {
    start_of(address, FAULT_ADDRESS_UNIT)
}

/// Returns the multiple of a length at or below an address.
#[inline(always)]
const fn start_of(address: u64, length: u64) -> u64 {
    address - address % length
}

impl Child {
    /// Loads `width` bytes (1, 2, 4 or 8) with one instruction, in memory order.
    #[inline(always)]
    pub fn load(&self, address: usize, width: usize) -> [u8; 8] {
        let mut bytes = [0; 8];
        // SAFETY: a `Child` is expendable.
        unsafe {
            match width {
                2 => bytes[..2].copy_from_slice(&load2(address).to_ne_bytes()),
                4 => bytes[..4].copy_from_slice(&load4(address).to_ne_bytes()),
                8 => bytes = load8(address).to_ne_bytes(),
                _ => bytes[0] = load1(address),
            }
        }
        bytes
    }

    /// Stores `byte` into each of `width` bytes (1, 2, 4 or 8) with one instruction.
    #[inline(always)]
    pub fn store(&self, address: usize, width: usize, byte: u8) {
        // SAFETY: a `Child` is expendable.
        unsafe {
            match width {
                2 => store2(address, u16::from_ne_bytes([byte; 2])),
                4 => store4(address, u32::from_ne_bytes([byte; 4])),
                8 => store8(address, u64::from_ne_bytes([byte; 8])),
                _ => store1(address, byte),
            }
        }
    }

    /// Calls the code at the address. It must be a return instruction, or fault.
    #[inline(always)]
    pub fn execute(&self, address: usize) {
        // SAFETY: a `Child` is expendable; the caller has seen that the fetch faults or that a return
        // instruction lies there, which comes straight back. No address is too odd to be called, 0
        // included, which a function pointer could not hold.
        unsafe { arch::execute(address) }
    }
}

#[cfg(test)]
mod tests {
    use super::start_of;

    #[test]
    fn a_jump_goes_to_the_beginning_of_the_instruction() {
        assert_eq!(
            [0x1000, 0x1001, 0x1003, 0x1004].map(|at| start_of(at, 4)),
            [0x1000, 0x1000, 0x1000, 0x1004]
        );
        assert_eq!(start_of(0x1003, 1), 0x1003);
    }
}
