//! A case that has cost workers their lives.

use crate::journal;

/// A probe is given up when it has cost this many workers their lives.
const WORKERS_PER_PROBE: u32 = 2;

/// What is known of a case that has cost workers their lives.
#[derive(Debug, Default)]
pub struct Interrupted {
    /// The answers that there are.
    pub journal: Vec<u8>,
    /// How many workers have died of the next question.
    deaths: u32,
}

impl Interrupted {
    /// Takes note of a worker's death, and of the answers that it has left. Gives whether another one is
    /// to go on; where the same question has killed several, without asking it.
    pub fn died(&mut self, journal: Vec<u8>, how: &str) -> bool {
        if journal != self.journal {
            *self = Interrupted { journal, deaths: 0 };
        }
        self.deaths += 1;
        if self.deaths < WORKERS_PER_PROBE {
            return true;
        }
        // Not even a question that was not asked has been survived: they die of something else.
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
