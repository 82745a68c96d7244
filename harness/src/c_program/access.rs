//! Loads and stores must be made as the case has them, each by one instruction of its width, and what they see must be
//! compared. The main type is [`Steps`], of which these are the steps that access memory.

use super::shown::{Origin, byte};
use super::steps::Steps;
use super::value;
use crate::case::{Fault, FaultAddress, Seen, Size, Step, StepResult};

impl Steps<'_> {
    /// Says a load or a store.
    pub fn touch(&mut self, step: &Step, index: usize, result: &StepResult) {
        let Step::Touch { map, at, to, store } = step else { return };
        if *result == StepResult::NoMap {
            let lines = crate::parse::lines(&self.case.steps);
            let text = crate::parse::text_of(&lines, index);
            return self.line(format!("// {text} is not made, as there is no map."));
        }
        let page = self.expected.page;
        let bytes = |size: &Size| size.eval(page).unwrap_or(0) as i64;
        let width = to.as_ref().map_or(1, |to| bytes(to) - bytes(at));
        let base = self.value(map);
        let (kind, address) = (format!("uint{}_t", 8 * width), value::place(&base, at));
        let access = match result {
            StepResult::Fault(Fault { address: FaultAddress::At(fault), .. })
                if *fault != bytes(at) =>
            {
                let fault = self.offsets.name(*fault);
                format!("ACROSS({kind}, {address}, {base} + {fault})")
            }
            _ => format!("AT({kind}, {address})"),
        };
        // What a store gives is its byte.
        let (access, given) = match store {
            Some(byte) if width == 1 => {
                let byte = value::byte(*byte);
                (format!("{access} = {byte}"), byte)
            }
            Some(byte) => {
                let digits = format!("{byte:02x}").repeat(width as usize);
                (format!("(uint8_t)({access} = 0x{digits})"), value::byte(*byte))
            }
            None => (access, "ANY".to_owned()),
        };
        match (store, result) {
            (_, StepResult::Fault(fault)) => {
                self.line(format!("EXPECT({}, {access});", value::fault(fault)));
            }
            (None, StepResult::Saw(seen)) => {
                let origin = self.frame().shown.map(map).map(|start| start.plus(value::size(at)));
                match &seen.runs[..] {
                    [run] if width == 1 => {
                        let want = byte(run.byte, origin.as_ref());
                        self.line(format!("EXPECT({want}, {access});"));
                    }
                    _ => {
                        self.line(format!(
                            "EXPECT(ANY, memcpy(buffer, &({kind}){{ {access} }}, {width}));"
                        ));
                        self.seen(seen, origin.as_ref());
                    }
                }
            }
            (None, _) => self.line(format!("EXPECT(ANY, (uint8_t){access});")),
            _ => self.line(format!("EXPECT({given}, {access});")),
        }
    }

    /// Says what the buffer holds.
    pub fn seen(&mut self, seen: &Seen, origin: Option<&Origin>) {
        let mut from = 0;
        for run in &seen.runs {
            let count = i64::from(run.count);
            let at = self.offsets.name(from);
            let want = byte(run.byte, origin.map(|start| start.plus(&*at)).as_ref());
            self.line(format!("SEES({want}, {at}, {});", self.offsets.name(count)));
            from += count;
        }
        if let Some(rest) = seen.rest {
            self.line(format!("// The {} bytes behind them are not compared.", rest.bytes));
        }
    }

    /// Says where a sweep accesses its map.
    pub fn sweep(&mut self, map: &str, step: usize) {
        let number = self.numbers.sweeps.get(&step).copied().unwrap_or(0);
        let is_other = self.expected.probe.is_some_and(|probe| probe.sweep != number);
        if is_other || self.frame().no_map.contains(map) {
            return;
        }
        self.functions.origins[number] = self.frame().shown.map(map).cloned();
        let map = self.value(map);
        self.is_over = self.expected.probe.is_some();
        match self.is_over || self.numbers.sweeps.len() == 1 {
            true => self.line(format!("probe({map});")),
            false => self.line(format!("probe({}, {map});", number + 1)),
        }
    }
}
