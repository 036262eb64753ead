//! The image file of a compiled program: a magic number, then the unit's tables. Numbers are little-endian, of 32 bits
//! where nothing else is said; byte strings and tables start with their length.

use super::isa::Insn;
use super::unit::{Capture, Function, Site, Static, Unit};
use super::verify::verify;

/// What an image starts with.
pub const MAGIC: &[u8; 8] = b"KilnLox\x01";

/// The image of a unit.
pub fn write(unit: &Unit) -> Vec<u8> {
    let mut out = Writer(MAGIC.to_vec());
    out.table(&unit.statics, |out, of| match of {
        Static::Nil => out.byte(0),
        Static::Bool(value) => out.byte(1 + u8::from(*value)),
        Static::Number(number) => {
            out.byte(3);
            out.0.extend(number.to_bits().to_le_bytes());
        }
        Static::String(bytes) => {
            out.byte(4);
            out.bytes(bytes);
        }
        Static::Global(name) => {
            out.byte(5);
            out.bytes(name);
        }
    });
    out.table(&unit.sites, |out, site| {
        out.bytes(&site.name);
        out.number(u32::from(site.count));
    });
    out.table(&unit.functions, |out, function| {
        out.byte(u8::from(function.name.is_some()));
        out.bytes(function.name.as_deref().unwrap_or_default());
        out.byte(function.arity);
        out.number(u32::from(function.registers));
        out.table(&function.captures, |out, capture| {
            let (kind, number) = match *capture {
                Capture::Register(register) => (0, register),
                Capture::Outer(outer) => (1, outer),
                Capture::Itself => (2, 0),
            };
            out.byte(kind);
            out.number(u32::from(number));
        });
        out.number(function.start);
        out.number(function.len);
    });
    out.table(&unit.code, |out, insn| out.0.extend(insn.0.to_le_bytes()));
    out.table(&unit.lines, |out, line| out.number(*line));
    out.0
}

struct Writer(Vec<u8>);

impl Writer {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }
    fn number(&mut self, number: u32) {
        self.0.extend(number.to_le_bytes());
    }
    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u32);
        self.0.extend(bytes);
    }
    fn table<T>(&mut self, all: &[T], mut each: impl FnMut(&mut Self, &T)) {
        self.number(all.len() as u32);
        all.iter().for_each(|one| each(self, one));
    }
}

/// Reads an image and verifies it.
///
/// # Errors
/// What is wrong with it, and where.
pub fn read(bytes: &[u8]) -> Result<Unit, String> {
    let rest = bytes.strip_prefix(MAGIC).ok_or("it is no image of a Lox program")?;
    let mut from = Reader { len: bytes.len(), rest };
    let statics = from.table(|from| {
        Ok(match from.byte()? {
            0 => Static::Nil,
            kind @ 1..=2 => Static::Bool(kind == 2),
            3 => Static::Number(f64::from_bits(u64::from_le_bytes(from.array()?))),
            4 => Static::String(from.bytes()?),
            5 => Static::Global(from.bytes()?),
            kind => return Err(from.error(&format!("there is no static of kind {kind}"))),
        })
    })?;
    let sites = from.table(|from| Ok(Site { name: from.bytes()?, count: from.short()? }))?;
    let functions = from.table(|from| {
        let has_name = from.byte()? != 0;
        let name = from.bytes()?;
        Ok(Function {
            name: has_name.then_some(name),
            arity: from.byte()?,
            registers: from.short()?,
            captures: from.table(|from| {
                let (kind, number) = (from.byte()?, from.short()?);
                match kind {
                    0 => Ok(Capture::Register(number)),
                    1 => Ok(Capture::Outer(number)),
                    2 => Ok(Capture::Itself),
                    _ => Err(from.error(&format!("there is no capture of kind {kind}"))),
                }
            })?,
            start: from.number()?,
            len: from.number()?,
        })
    })?;
    let code = from.table(|from| Ok(Insn(u64::from_le_bytes(from.array()?))))?;
    let lines = from.table(Reader::number)?;
    if !from.rest.is_empty() {
        return Err(from.error("it goes on behind its end"));
    }
    let unit = Unit { code, lines, spans: Vec::new(), statics, sites, functions };
    verify(&unit)?;
    Ok(unit)
}

struct Reader<'b> {
    len: usize,
    rest: &'b [u8],
}

impl Reader<'_> {
    fn error(&self, what: &str) -> String {
        format!("byte {}: {what}", self.len - self.rest.len())
    }
    fn take(&mut self, count: usize) -> Result<&[u8], String> {
        if count > self.rest.len() {
            return Err(self.error(&format!("it ends within {count} bytes")));
        }
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        Ok(taken)
    }
    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }
    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.array::<1>()?[0])
    }
    fn number(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.array()?))
    }
    fn short(&mut self) -> Result<u16, String> {
        let number = self.number()?;
        u16::try_from(number).map_err(|_| self.error(&format!("{number} is more than 65535")))
    }
    fn bytes(&mut self) -> Result<Vec<u8>, String> {
        let len = self.number()? as usize;
        Ok(self.take(len)?.to_vec())
    }
    fn table<T>(&mut self, mut each: impl FnMut(&mut Self) -> Result<T, String>) -> Result<Vec<T>, String> {
        let len = self.number()? as usize;
        // Each entry has a byte at least, so a wrong length cannot take more memory than the file does.
        (0..len).map(|_| each(self)).collect()
    }
}
