//! Instructions that make a double of which LOADF64 alone is not capable: it has 16 bits, without a sign.

use crate::guests::iridium::isa::{Mnemonic, op};

/// A register of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Which {
    /// The one that gets the double.
    Target,
    /// One that nothing else uses; it is 0 before and after.
    Temporary,
}

/// An instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// LOADF64
    Load(Which, u16),
    /// One of ADDF64, SUBF64, MULF64 and DIVF64.
    Binary(&'static Mnemonic, [Which; 3]),
}

use Which::{Target, Temporary};

/// The instruction with this operation.
const fn mnemonic(op: u8) -> &'static Mnemonic {
    &crate::guests::iridium::isa::MNEMONICS[op as usize - 1]
}

const ADD: &Mnemonic = mnemonic(op::ADDF64);
const SUB: &Mnemonic = mnemonic(op::SUBF64);
const MUL: &Mnemonic = mnemonic(op::MULF64);
const DIV: &Mnemonic = mnemonic(op::DIVF64);

/// Bits of a digit: the largest power of two that LOADF64 has is 2¹⁵.
const DIGIT: u32 = 15;

/// The steps that leave exactly `value`, which is finite, in the target.
pub(super) fn steps(value: f64) -> Vec<Step> {
    let size = value.abs();
    let mut steps = Vec::new();
    if let Some((numerator, denominator)) = fraction(size) {
        steps.push(Step::Load(Target, numerator));
        if denominator != 1 {
            steps.push(Step::Load(Temporary, denominator));
            steps.push(Step::Binary(DIV, [Target, Temporary, Target]));
        }
    } else {
        from_bits(size, &mut steps);
    }
    if value == 0.0 && value.is_sign_negative() {
        // 0 times -1, which is 0 - 1.
        steps.push(Step::Load(Temporary, 1));
        steps.push(Step::Binary(SUB, [Target, Temporary, Temporary]));
        steps.push(Step::Binary(MUL, [Target, Temporary, Target]));
    } else if value < 0.0 {
        steps.push(Step::Load(Temporary, 0));
        steps.push(Step::Binary(SUB, [Temporary, Target, Target]));
    }
    let last = steps
        .iter()
        .rfind(|step| matches!(step, Step::Load(Temporary, _) | Step::Binary(_, [_, _, Temporary])));
    if !matches!(last, None | Some(Step::Load(Temporary, 0))) {
        steps.push(Step::Load(Temporary, 0));
    }
    steps
}

/// Two numbers of 16 bits whose quotient is `size`, if there are such with a likely divisor.
fn fraction(size: f64) -> Option<(u16, u16)> {
    let divisors = (0..=DIGIT).map(|n| 1 << n).chain((1..=4).map(|n| 10u16.pow(n)));
    divisors.into_iter().find_map(|divisor| {
        // Rounded: what is checked is the quotient.
        let numerator = (size * f64::from(divisor)).round();
        let fits = numerator <= f64::from(u16::MAX) && numerator / f64::from(divisor) == size;
        fits.then_some((numerator as u16, divisor))
    })
}

/// Any positive double: its mantissa digit by digit, then multiplied or divided by powers of two, all of it exact.
fn from_bits(size: f64, steps: &mut Vec<Step>) {
    let bits = size.to_bits();
    let (exponent, fraction) = ((bits >> 52) as i32, bits & ((1 << 52) - 1));
    let mantissa = if exponent == 0 { fraction } else { fraction | 1 << 52 };
    // The value is `mantissa` times two to this.
    let scale = exponent.max(1) - 1075 + mantissa.trailing_zeros() as i32;
    let mantissa = mantissa >> mantissa.trailing_zeros();
    let digit = |n: u32| (mantissa >> (n * DIGIT) & ((1 << DIGIT) - 1)) as u16;
    let digits = (64 - mantissa.leading_zeros()).div_ceil(DIGIT);
    steps.push(Step::Load(Target, digit(digits - 1)));
    for n in (0..digits - 1).rev() {
        steps.push(Step::Load(Temporary, 1 << DIGIT));
        steps.push(Step::Binary(MUL, [Target, Temporary, Target]));
        steps.push(Step::Load(Temporary, digit(n)));
        steps.push(Step::Binary(ADD, [Target, Temporary, Target]));
    }
    let by = if scale < 0 { DIV } else { MUL };
    let (times, rest) = (scale.unsigned_abs() / DIGIT, scale.unsigned_abs() % DIGIT);
    if times > 0 {
        steps.push(Step::Load(Temporary, 1 << DIGIT));
        steps.extend((0..times).map(|_| Step::Binary(by, [Target, Temporary, Target])));
    }
    if rest > 0 {
        steps.push(Step::Load(Temporary, 1 << rest));
        steps.push(Step::Binary(by, [Target, Temporary, Target]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SplitMix;

    /// What the steps leave in the target.
    fn run(steps: &[Step]) -> f64 {
        let mut registers = [f64::NAN, 0.0];
        for step in steps {
            match *step {
                Step::Load(to, n) => registers[to as usize] = f64::from(n),
                Step::Binary(how, [a, b, to]) => {
                    let (a, b) = (registers[a as usize], registers[b as usize]);
                    registers[to as usize] = match how.name {
                        "ADDF64" => a + b,
                        "SUBF64" => a - b,
                        "MULF64" => a * b,
                        _ => a / b,
                    };
                }
            }
        }
        assert_eq!(registers[1].to_bits(), 0, "the temporary is 0 after {steps:?}");
        registers[0]
    }

    #[test]
    fn every_double_comes_out_exactly() {
        let odd =
            [0.0, -0.0, 1.0, 65535.0, 65536.0, -1.0, 0.1, 1.5, -2.5, 1e300, f64::MAX, f64::MIN_POSITIVE];
        let smallest =
            [f64::from_bits(1), -f64::from_bits(0xf_ffff_ffff_ffff), std::f64::consts::PI, 1.0 / 3.0];
        let mut random = SplitMix(1);
        let some =
            std::iter::repeat_with(|| f64::from_bits(random.next())).filter(|x| x.is_finite()).take(2000);
        for value in odd.into_iter().chain(smallest).chain(some) {
            let steps = steps(value);
            assert_eq!(run(&steps).to_bits(), value.to_bits(), "{value:e}: {steps:?}");
            assert!(steps.len() < 100, "{value:e} takes {}", steps.len());
        }
    }

    #[test]
    fn simple_ones_are_short() {
        assert_eq!(steps(7.0), [Step::Load(Target, 7)]);
        assert_eq!(steps(1.5).len(), 4);
        assert_eq!(steps(0.1).len(), 4);
        assert_eq!(steps(-1.0).len(), 3);
    }
}
