//! From bytes to choices.

use crate::random::SplitMix;

/// Choices made from bytes; zeros when they are used up.
pub struct Choices<'a> {
    bytes: &'a [u8],
}

impl<'a> Choices<'a> {
    /// Choices that these bytes make.
    pub fn new(bytes: &'a [u8]) -> Self {
        Choices { bytes }
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        first
    }

    /// Any 16-bit number.
    pub fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// A number below `n`, which is not 0.
    pub fn below(&mut self, n: u16) -> u16 {
        if n <= 0x100 { u16::from(self.byte()) % n } else { self.word() % n }
    }

    /// True about `n` times of 256.
    pub fn chance(&mut self, n: u8) -> bool {
        // Not `<`: without bytes, nothing unlikely happens.
        self.byte() > u8::MAX - n
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::from(self.below(of.len() as u16))]
    }
}

/// Pseudo-random bytes (Vigna's SplitMix64).
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut random = SplitMix(seed);
    std::iter::repeat_with(|| random.next().to_le_bytes()).flatten().take(len).collect()
}

/// A file, which is not empty, with up to three bytes changed, and for some seeds cut short.
pub fn damaged(file: &[u8], seed: u64) -> Vec<u8> {
    let mut file = file.to_vec();
    for change in noise(seed, 9).chunks(3).take(seed as usize % 4) {
        let at = usize::from(u16::from_be_bytes([change[0], change[1]])) % file.len();
        file[at] = change[2];
    }
    file.truncate(file.len() - (seed as usize / 4) % file.len());
    file
}
