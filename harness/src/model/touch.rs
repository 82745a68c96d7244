//! A case makes loads, stores and sweeps itself, besides its calls, and the model must predict them, too.

use super::bytes::Content;
use super::interpreter::Interpreter;
use super::returned::Value;
use crate::case::{
    Access, Fault, FaultAddress, FaultMap, Row, Seen, StepResult, SweepResult, window,
};

impl Interpreter<'_> {
    /// Performs a load or store of the case.
    pub(super) fn touch(
        &mut self,
        map: &str,
        at: i64,
        width: i64,
        store: Option<u8>,
    ) -> StepResult {
        let Value::Map(base) = self.value(map) else { return StepResult::NoMap };
        let first = base.wrapping_add_signed(at);
        let addresses = first..first.wrapping_add(width as u64);
        let page = self.state.page();
        let (state, process) = (&mut self.state, self.processes.last_mut());
        let Some(process) = process else { return StepResult::NotReached };
        // The CPU checks each page that an access reaches into before it moves a byte.
        let mut faults =
            addresses.clone().filter(|a| *a == first || a % page == 0).map(|address| {
                let fault = match store {
                    Some(_) => state.can_store(process, address).err(),
                    None => state.load(process, address).err(),
                };
                (address, fault)
            });
        if let Some((address, Some(fault))) = faults.find(|(_, fault)| fault.is_some()) {
            let place = match address == first {
                true => FaultAddress::Accessed,
                false => FaultAddress::At(address.wrapping_sub(base) as i64),
            };
            return StepResult::Fault(state.told(process, Fault { address: place, ..fault }));
        }
        drop(faults);
        if let Some(byte) = store {
            addresses.clone().for_each(|address| state.prepare_store(process, address));
            let byte = Content::of(byte);
            addresses.for_each(|address| state.store(process, address..address + 1, byte));
            return StepResult::Done;
        }
        let contents = addresses.filter_map(|address| {
            let content = state.load(process, address).ok()?;
            Some((1, content.seen(state.phase_at(process, address))))
        });
        StepResult::Saw(Seen::of(contents))
    }

    /// Returns the fault map along a variable's map.
    pub(super) fn sweep(
        &mut self,
        map: &str,
        accesses: &[Access],
    ) -> Result<SweepResult, &'static str> {
        let Value::Map(base) = self.value(map) else { return Ok(SweepResult::NoMap) };
        let window = window(self.case(), map, self.state.page());
        let process = &self.processes[self.processes.len() - 1];
        let looked_at =
            base.wrapping_add_signed(window.start)..base.wrapping_add_signed(window.end);
        let seams = self.state.seams(process, &looked_at);
        let mut rows = Vec::new();
        for access in accesses {
            let mut starts = Vec::new();
            for address in &seams {
                let outcome = self.state.outcome(process, *access, *address)?;
                starts.push((address.wrapping_sub(base) as i64, outcome));
            }
            rows.push(Row::from_starts(*access, starts));
        }
        Ok(SweepResult::Map(FaultMap { rows }))
    }
}
