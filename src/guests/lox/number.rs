//! Numbers as text: C's `%g`.

/// Six significant digits, as C's `%g` writes a number.
pub fn text(number: f64) -> String {
    let sign = if number.is_sign_negative() { "-" } else { "" };
    let size = number.abs();
    if size.is_nan() {
        return format!("{sign}nan");
    }
    if size.is_infinite() {
        return format!("{sign}inf");
    }
    if size < 1e6 && size.fract() == 0.0 {
        return format!("{sign}{}", size as u32);
    }
    let scientific = format!("{size:.5e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        let places = usize::try_from(5 - exponent).unwrap_or(0);
        return format!("{sign}{}", trimmed(&format!("{size:.places$}")));
    }
    let e = if exponent < 0 { "e-" } else { "e+" };
    format!("{sign}{}{e}{:02}", trimmed(digits), exponent.abs())
}

/// Without zeros at the end of the fraction.
fn trimmed(digits: &str) -> &str {
    match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.'),
        false => digits,
    }
}
