//! Files that are written whole or not at all.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::console::describe;
use super::{Failure, code};

/// A file that is being written. What was there stays until [`Whole::finish`], and for good without it. What is no
/// plain file, as a pipe, a device or a link, is written where it is.
pub struct Whole {
    path: PathBuf,
    file: Place,
}

enum Place {
    /// Beside it, to take its place.
    Beside(NamedTempFile),
    There(File),
}

impl Whole {
    /// Begins to write a file.
    pub fn create(path: &Path) -> io::Result<Whole> {
        let file = match fs::symlink_metadata(path) {
            Ok(there) if !there.is_file() => Place::There(File::create(path)?),
            Ok(there) => {
                // It may not be ours to write.
                OpenOptions::new().write(true).open(path)?;
                beside(path, there.permissions())?
            }
            Err(error) if error.kind() == ErrorKind::NotFound => beside(path, Permissions::from_mode(0o666))?,
            Err(error) => return Err(error),
        };
        Ok(Whole { path: path.to_owned(), file })
    }

    /// Ends it: now all of it is there.
    pub fn finish(self) -> io::Result<()> {
        match self.file {
            Place::Beside(file) => file.persist(&self.path).map(|_| ()).map_err(|error| error.error),
            Place::There(_) => Ok(()),
        }
    }
}

/// An empty file in the same folder.
fn beside(path: &Path, permissions: Permissions) -> io::Result<Place> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::Builder::new().permissions(permissions).tempfile_in(folder).map(Place::Beside)
}

/// Writes a file.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let written = Whole::create(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.finish()
    });
    written.map_err(|error| cannot_write(path, &error))
}

/// Why a file is not written.
pub fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::new(code::IO, format!("cannot write {}: {}", path.display(), describe(error)))
}

impl Write for Whole {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.file {
            Place::Beside(file) => file.write(bytes),
            Place::There(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
