//! `kiln compile`, and `kiln asm`, which is the same.

use std::path::PathBuf;

use clap::Args;
use kiln::diagnostic::closest;
use kiln::guests::{self, Form, Machine, Product, Visit};

use super::load::{self, ImageFile};
use super::lox;
use super::{Failure, code, say_remarks, write};

/// `kiln compile`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  kiln asm hello.asm && kiln run hello.obj
  kiln asm main.asm library.asm -o program.obj   with .EXTERNAL, labels of other files
  kiln asm hello.asm --emit raw,sym,listing      hello.obj, hello.sym and hello.lst
  kiln asm hello.obj --emit hex -o -             an image in another form
  kiln compile expr.post -o a.out")]
pub struct Compile {
    /// The source files; several are linked to one image
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<PathBuf>,
    /// The file to write, `-` for standard output; without this the first SOURCE with the usual extension
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// What to write; `kiln guests` lists the forms. The first goes to FILE, the others beside it
    #[arg(long, value_name = "FORM,...", value_delimiter = ',')]
    emit: Vec<String>,
    /// The machine to translate for
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(guests::ALL))]
    guest: Option<String>,
    /// The variant of the machine; a wrong name lists those that there are
    #[arg(long, visible_alias = "numbering", value_name = "NAME")]
    profile: Option<String>,
}

impl Compile {
    /// Translates; the exit code.
    pub fn execute(self) -> Result<u8, Failure> {
        if lox::is_for(&self.sources, self.guest.as_deref()) {
            return lox::compile(&self.sources, self.output.as_deref());
        }
        let files = load::read_all(&self.sources)?;
        let guest = match &self.guest {
            Some(guest) => guest.clone(),
            None => load::guest_of(&files, "no machine here has such a source")?.to_owned(),
        };
        guests::visit(&guest, Translate { compile: &self, files: &files }).expect("the guest is listed")
    }
}

struct Translate<'a> {
    compile: &'a Compile,
    files: &'a [ImageFile],
}

impl Visit for Translate<'_> {
    type Output = Result<u8, Failure>;

    fn visit<G: Machine>(self) -> Result<u8, Failure> {
        let Compile { sources, output, emit, profile, .. } = self.compile;
        let forms = forms::<G>(emit)?;
        let profile = profile.as_deref();
        let profile = profile.map(|name| load::find::<G>("profile", name, G::PROFILES)).transpose()?;
        let products = match (self.files, &forms[..]) {
            ([file], []) => vec![translate::<G>(file, profile)?],
            (_, []) => return Err(Failure::usage(format!("{} translates one source at a time", G::NAME))),
            (files, forms) => link::<G>(files, forms)?,
        };
        let twice = |n: usize| products[..n].iter().find(|other| other.extension == products[n].extension);
        if let Some(product) = (1..products.len()).find_map(twice) {
            let line = format!("two of these forms go to .{} files; write one at a time", product.extension);
            return Err(Failure::usage(line));
        }
        for (n, Product { bytes, extension }) in products.iter().enumerate() {
            let to = match output {
                Some(output) if n == 0 => output.clone(),
                Some(output) if output.as_os_str() != "-" => output.with_extension(extension),
                _ => sources[0].with_extension(extension),
            };
            write(&to, bytes, sources)?;
        }
        Ok(code::OK)
    }
}

/// The forms of these names; without any the usual one, where the guest has it.
fn forms<G: Machine>(names: &[String]) -> Result<Vec<&'static Form>, Failure> {
    if names.is_empty() {
        return Ok(G::FORMS.iter().take(1).collect());
    }
    let find = |name: &String| {
        let known = || G::FORMS.iter().map(|form| form.name);
        G::FORMS.iter().find(|form| form.name == name).ok_or_else(|| {
            let near = closest(name, known()).map_or(String::new(), |near| format!("; did you mean {near}?"));
            let all: Vec<&str> = known().collect();
            let all = if all.is_empty() { "none".to_owned() } else { all.join(", ") };
            Failure::usage(format!("{} writes no `{name}`{near} (there are: {all})", G::NAME))
        })
    };
    names.iter().map(find).collect()
}

/// One source, one step.
fn translate<G: Machine>(file: &ImageFile, profile: Option<&str>) -> Result<Product, Failure> {
    let (product, remarks) = G::compile(&file.name, file.text()?, profile)?;
    say_remarks(&remarks);
    Ok(product)
}

/// Several sources or images as one image, in each of these forms.
fn link<G: Machine>(files: &[ImageFile], forms: &[&'static Form]) -> Result<Vec<Product>, Failure> {
    let mut images = Vec::new();
    for file in files {
        let (image, remarks) = G::read(&file.name, &file.bytes)?;
        say_remarks(&remarks);
        images.push(image);
    }
    let image = G::join(images)?;
    let product = |form: &&'static Form| {
        let bytes = G::write(&image, form)?;
        Ok(Product { bytes, extension: form.extension })
    };
    forms.iter().map(product).collect()
}
