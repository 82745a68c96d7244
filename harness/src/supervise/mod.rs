//! A child is hostile until shown otherwise, and a worker has to control its whole life from outside: spawn,
//! deadline, kill, reap, classify.
//!
//! Whatever a child does, it is gone when [`Supervisor::run`] returns, and so is everything that it forked.
//! Its record counts only as far as the wait status bears it out.

mod blame;
mod classify;
mod cores;
mod ending;
mod judge;
mod life;
mod orphans;
mod pace;
mod recorded;
mod running;
mod slot;
mod spawn;
mod steady;
mod throttle;
mod waiting;

pub use cores::Cores;
pub use ending::{Ending, await_end, has_ended, is_stopped, kill_if_stopped};
pub use judge::Judge;
pub use life::{ChildReport, NoReport, Supervisor};
pub use orphans::{adopt_orphans, children, is_runnable, sweep_orphans};
pub use pace::Pace;
pub use recorded::{Recorded, RecordedSlot};
pub use running::Patience;
pub use spawn::{Asked, Fork, Forked, Spawn};
