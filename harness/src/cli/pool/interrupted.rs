//! An item during which workers have died.

use crate::journal;

/// The number of workers that may die of a probe before the probe is given up.
const WORKERS_PER_PROBE: u32 = 2;

/// The state of an item during which workers have died.
#[derive(Debug, Default)]
pub struct Interrupted {
    /// The answers so far.
    pub journal: Vec<u8>,
    /// The number of workers that have died of the next question.
    deaths: u32,
}

impl Interrupted {
    /// Records the death of a worker and the answers that it left. Returns true where another
    /// worker is to continue. Where the same question has killed several, the next worker skips it.
    pub fn died(&mut self, journal: Vec<u8>, how: &str) -> bool {
        if journal != self.journal {
            *self = Interrupted { journal, deaths: 0 };
        }
        self.deaths += 1;
        if self.deaths < WORKERS_PER_PROBE {
            return true;
        }
        // Workers die even where the question is skipped, so the question is not the cause.
        let hopeless = journal::ends_with_lost(&self.journal);
        self.journal.extend(journal::lost(how));
        self.deaths = 0;
        !hopeless
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_that_costs_two_workers_is_not_made_a_third_time() {
        let mut case = Interrupted::default();
        assert!(case.died(Vec::new(), "killed"));
        assert!(!journal::ends_with_lost(&case.journal));
        assert!(case.died(Vec::new(), "killed"));
        assert!(journal::ends_with_lost(&case.journal));
    }

    #[test]
    fn workers_that_get_on_may_die_as_often_as_they_like() {
        let mut case = Interrupted::default();
        for answers in 0..100 {
            assert!(case.died(vec![b'x'; answers], "killed"));
            assert!(!journal::ends_with_lost(&case.journal));
        }
    }

    #[test]
    fn workers_that_die_without_asking_are_given_up() {
        let mut case = Interrupted::default();
        let lives = (0..100).take_while(|_| case.died(case.journal.clone(), "killed")).count();
        assert_eq!(lives, 3, "two of the first question, two of none");
    }
}
