//! Cases that are an image and nothing else.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Case, Choices};
use crate::device::{Capture, Console};
use crate::guests::{Machine, Settings};
use crate::tier::Config;
use crate::vm::Vm;

/// A machine whose random programs are images, which run with the usual settings.
pub trait Generate: Machine<Image: Serialize + DeserializeOwned> {
    /// An image of these choices.
    fn generate(choices: &mut Choices<'_>) -> Self::Image;
}

/// A random image.
#[derive(Serialize, Deserialize)]
#[serde(bound = "", transparent)]
pub struct Plain<G: Generate>(pub G::Image);

impl<G: Generate> Case for Plain<G> {
    type Guest = G;

    fn generate(choices: &mut Choices<'_>) -> Self {
        Plain(G::generate(choices))
    }

    fn machine(&self, config: Config) -> (Vm<G>, Capture) {
        let (console, output) = Console::scripted("");
        let (guest, state) = G::machine(&self.0, &Settings::default(), console);
        (Vm::new(guest, state, config), output)
    }
}

impl<G: Generate> fmt::Debug for Plain<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&G::listing(&self.0))
    }
}
