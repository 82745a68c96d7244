//! Sizes and offsets as a case writes them: bytes, `PAGE`, and sums and products of both.
//!
//! A size is evaluated only where the page size is known: one case serves machines with pages of 4
//! KiB and of 64 KiB, and its text can be printed as it was written.

use std::fmt;

/// The notation of a number, so that `0600` is printed as `0600`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Radix {
    /// `384`
    Decimal,
    /// `0x180`
    Hex,
    /// `0600`
    Octal,
}

/// A number of bytes, which may depend on the page size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Size {
    /// A literal.
    Bytes(u64, Radix),
    /// `PAGE`: the page size of the machine.
    Page,
    /// `-a`
    Negative(Box<Size>),
    /// `a + b`
    Sum(Box<Size>, Box<Size>),
    /// `a - b`
    Difference(Box<Size>, Box<Size>),
    /// `a * b`
    Product(Box<Size>, Box<Size>),
}

/// A size in the form `pages * PAGE + bytes`, which most sizes have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Linear {
    /// The number of pages.
    pub pages: i64,
    /// The number of bytes to add to them.
    pub bytes: i64,
}

impl Size {
    /// A plain number of bytes.
    pub fn bytes(value: u64) -> Size {
        Size::Bytes(value, Radix::Decimal)
    }

    /// The value in bytes on a machine with pages of `page` bytes; `None` where it overflows.
    ///
    /// ```
    /// use faultmap::internals::case::Size;
    /// let size = Size::Sum(Box::new(Size::Page), Box::new(Size::bytes(1)));
    /// assert_eq!(size.eval(4096), Some(4097));
    /// assert_eq!(size.to_string(), "PAGE + 1");
    /// ```
    pub fn eval(&self, page: u64) -> Option<i128> {
        match self {
            Size::Bytes(value, _) => Some(i128::from(*value)),
            Size::Page => Some(i128::from(page)),
            Size::Negative(a) => a.eval(page)?.checked_neg(),
            Size::Sum(a, b) => a.eval(page)?.checked_add(b.eval(page)?),
            Size::Difference(a, b) => a.eval(page)?.checked_sub(b.eval(page)?),
            Size::Product(a, b) => a.eval(page)?.checked_mul(b.eval(page)?),
        }
    }

    /// The value as the 64 bits that a system call receives: negative numbers in two's complement.
    /// `None` where it does not fit.
    pub fn register(&self, page: u64) -> Option<u64> {
        let value = self.eval(page)?;
        u64::try_from(value).ok().or_else(|| i64::try_from(value).ok().map(|v| v as u64))
    }

    /// The size as pages and bytes; `None` where it multiplies pages by pages.
    pub fn linear(&self) -> Option<Linear> {
        let two = |a: &Size, b: &Size| Some((a.linear()?, b.linear()?));
        match self {
            Size::Bytes(value, _) => Some(Linear { pages: 0, bytes: i64::try_from(*value).ok()? }),
            Size::Page => Some(Linear { pages: 1, bytes: 0 }),
            Size::Negative(a) => Linear { pages: 0, bytes: 0 }.minus(a.linear()?),
            Size::Sum(a, b) => two(a, b).and_then(|(a, b)| a.plus(b)),
            Size::Difference(a, b) => two(a, b).and_then(|(a, b)| a.minus(b)),
            Size::Product(a, b) => match two(a, b)? {
                (Linear { pages: 0, bytes: n }, other) | (other, Linear { pages: 0, bytes: n }) => {
                    Some(Linear {
                        pages: other.pages.checked_mul(n)?,
                        bytes: other.bytes.checked_mul(n)?,
                    })
                }
                _ => None,
            },
        }
    }

    /// True where the size says `PAGE`.
    pub fn says_page(&self) -> bool {
        match self {
            Size::Bytes(..) => false,
            Size::Page => true,
            Size::Negative(a) => a.says_page(),
            Size::Sum(a, b) | Size::Difference(a, b) | Size::Product(a, b) => {
                a.says_page() || b.says_page()
            }
        }
    }

    fn binds_loosely(&self) -> bool {
        matches!(self, Size::Sum(..) | Size::Difference(..))
    }
}

impl Linear {
    /// The sum; `None` where it overflows.
    pub fn plus(self, other: Linear) -> Option<Linear> {
        Some(Linear {
            pages: self.pages.checked_add(other.pages)?,
            bytes: self.bytes.checked_add(other.bytes)?,
        })
    }

    /// The difference; `None` where it overflows.
    pub fn minus(self, other: Linear) -> Option<Linear> {
        Some(Linear {
            pages: self.pages.checked_sub(other.pages)?,
            bytes: self.bytes.checked_sub(other.bytes)?,
        })
    }

    /// The value in bytes on a machine with pages of `page` bytes.
    pub fn eval(self, page: u64) -> Option<i64> {
        self.pages.checked_mul(i64::try_from(page).ok()?)?.checked_add(self.bytes)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tight = |size: &Size, f: &mut fmt::Formatter<'_>| match size.binds_loosely() {
            true => write!(f, "({size})"),
            false => write!(f, "{size}"),
        };
        match self {
            Size::Bytes(value, Radix::Decimal) => write!(f, "{value}"),
            Size::Bytes(value, Radix::Hex) => write!(f, "{value:#x}"),
            Size::Bytes(value, Radix::Octal) => write!(f, "0{value:o}"),
            Size::Page => f.write_str("PAGE"),
            Size::Negative(a) => {
                f.write_str("-")?;
                tight(a, f)
            }
            Size::Sum(a, b) => {
                write!(f, "{a} + ")?;
                tight(b, f)
            }
            Size::Difference(a, b) => {
                write!(f, "{a} - ")?;
                tight(b, f)
            }
            Size::Product(a, b) => {
                tight(a, f)?;
                f.write_str(" * ")?;
                match **b {
                    Size::Product(..) => write!(f, "({b})"),
                    _ => tight(b, f),
                }
            }
        }
    }
}

impl fmt::Display for Linear {
    /// The text in the header of a column: `0`, `PAGE`, `2*PAGE - 1`, `2200`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pages {
            0 => return write!(f, "{}", self.bytes),
            1 => f.write_str("PAGE")?,
            -1 => f.write_str("-PAGE")?,
            n => write!(f, "{n}*PAGE")?,
        }
        match self.bytes {
            0 => Ok(()),
            b if b < 0 => write!(f, " - {}", b.unsigned_abs()),
            b => write!(f, " + {b}"),
        }
    }
}
