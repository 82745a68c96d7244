//! A prediction can be checked only if each assumption behind it has a name: that is a [`Rule`].
//!
//! Each rule stands once, in [`list`]. Where it is applied the model asks [`super::State::holds`]; a test
//! that breaks one rule at a time shows that each of them is needed. What is known of an open rule on the file
//! systems and kernels that were measured is in [`places`].

mod list;
mod places;

pub use list::Rule;
pub use places::{Known, Release};

/// Defines the enum, and the functions that tell about each rule.
macro_rules! rules {
    ($($(#[doc = $doc:literal])* $rule:ident $(: $open:ident)?,)*) => {
        /// A property that a map must have, by POSIX.1-2024 or by Linux.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Rule { $($(#[doc = $doc])* $rule,)* }

        impl Rule {
            /// Every rule.
            pub const ALL: &[Rule] = &[$(Rule::$rule),*];

            /// True if kernels and file systems may or may not keep to it, at each step anew.
            pub fn is_open(self) -> bool {
                match self { $(Rule::$rule => matches!(stringify!($($open)?), "open"),)* }
            }

            /// Returns the rule in words, with its source.
            pub fn text(self) -> &'static str {
                match self { $(Rule::$rule => concat!($($doc, "\n"),*).trim_ascii(),)* }
            }
        }
    };
}
use rules;

impl Rule {
    /// Returns the rules that are open.
    pub fn open() -> impl Iterator<Item = Rule> {
        Rule::ALL.iter().copied().filter(|rule| rule.is_open())
    }

    /// Returns its name, for pictures and `known:` comments.
    pub fn name(self) -> String {
        format!("{self:?}")
    }

    /// Returns its first sentence.
    pub fn sentence(self) -> String {
        let text = self.text().split_whitespace().collect::<Vec<_>>().join(" ");
        match text.find(". ") {
            Some(end) => text[..=end].to_owned(),
            None => text,
        }
    }

    /// Returns the rule of that name.
    pub fn from_name(name: &str) -> Option<Rule> {
        Rule::ALL.iter().copied().find(|rule| rule.name() == name)
    }
}
