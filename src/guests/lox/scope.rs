//! Which variable a name is, while the parser reads, and the limits that clox has: it counts a function's local
//! variables, its captured ones, its constants and the bytes of its code.

use super::tree::{Fun, Function, Local, Role, Span, Statement, Tree, Variable};

/// A limit was passed, or a rule broken: the message.
pub struct Too(pub &'static str);

/// What a name is.
pub enum Slot {
    Global,
    Local(Local),
}

struct Name<'s> {
    name: &'s [u8],
    local: Local,
    /// How many scopes are around it; `None` as long as it must not be used.
    depth: Option<usize>,
}

/// A function that is being read.
struct Level<'s> {
    function: Fun,
    role: Role,
    names: Vec<Name<'s>>,
    /// How many scopes are open.
    depth: usize,
    captures: Vec<Local>,
    constants: usize,
    /// Bytes of clox's code.
    size: usize,
}

/// The functions around, innermost last.
pub struct Scopes<'s> {
    levels: Vec<Level<'s>>,
}

impl<'s> Scopes<'s> {
    pub fn new() -> Self {
        Scopes { levels: Vec::new() }
    }

    fn top(&mut self) -> &mut Level<'s> {
        self.levels.last_mut().expect("the script is around")
    }

    /// Enters a function's body.
    pub fn enter(&mut self, tree: &mut Tree, role: Role, name: Option<Span>) -> Fun {
        let function = Fun(tree.functions.len() as u32);
        let is_method = matches!(role, Role::Method | Role::Initializer);
        let slot = new_local(tree);
        tree.functions.push(Function {
            role,
            name,
            this: is_method.then_some(slot),
            parameters: Vec::new(),
            captures: Vec::new(),
            body: Vec::new(),
            line: 0,
        });
        let depth = usize::from(role != Role::Script);
        let first: &[u8] = if is_method { b"this" } else { b"" };
        let names = vec![Name { name: first, local: slot, depth: Some(0) }];
        self.levels.push(Level { function, role, names, depth, captures: Vec::new(), constants: 0, size: 0 });
        function
    }

    /// Leaves it.
    pub fn leave(&mut self, tree: &mut Tree, body: Vec<Statement>, line: u32) {
        let level = self.levels.pop().expect("the function was entered");
        let function = &mut tree.functions[level.function.index()];
        (function.body, function.captures, function.line) = (body, level.captures, line);
    }

    /// The kind of function that is being read.
    pub fn role(&mut self) -> Role {
        self.top().role
    }

    /// Opens a block.
    pub fn open(&mut self) {
        self.top().depth += 1;
    }

    /// Closes it.
    pub fn close(&mut self) {
        let level = self.top();
        level.depth -= 1;
        let depth = level.depth;
        let before = level.names.len();
        level.names.retain(|name| name.depth.is_none_or(|own| own <= depth));
        level.size += before - level.names.len();
    }

    /// Declares a variable of the innermost block; outside all of them it is a global, of which nothing is known.
    pub fn declare(&mut self, tree: &mut Tree, name: &'s [u8]) -> Result<(), Too> {
        let level = self.top();
        if level.depth == 0 {
            return Ok(());
        }
        let here =
            level.names.iter().rev().take_while(|other| other.depth.is_none_or(|own| own >= level.depth));
        let again = here.into_iter().any(|other| other.name == name);
        let added = self.add(tree, name);
        if again { Err(Too("Already a variable with this name in this scope.")) } else { added }
    }

    /// Adds a local variable.
    pub fn add(&mut self, tree: &mut Tree, name: &'s [u8]) -> Result<(), Too> {
        let level = self.top();
        if level.names.len() == 256 {
            return Err(Too("Too many local variables in function."));
        }
        let local = new_local(tree);
        level.names.push(Name { name, local, depth: None });
        Ok(())
    }

    /// The variable that was declared last may be used from now on; `None` if it is a global.
    pub fn define(&mut self) -> Option<Local> {
        let level = self.top();
        let name = level.names.last_mut().filter(|_| level.depth > 0)?;
        name.depth = Some(level.depth);
        Some(name.local)
    }

    /// What a name is here.
    pub fn resolve(&mut self, tree: &mut Tree, name: &[u8]) -> Result<Slot, Too> {
        let found = self.levels.iter().enumerate().rev().find_map(|(n, level)| {
            let found = level.names.iter().rev().find(|other| other.name == name && !name.is_empty())?;
            Some((n, found.local, found.depth.is_some()))
        });
        let Some((owner, local, usable)) = found else { return Ok(Slot::Global) };
        let mut result = Ok(Slot::Local(local));
        if !usable {
            result = Err(Too("Can't read local variable in its own initializer."));
        }
        for level in &mut self.levels[owner + 1..] {
            tree.variables[local.index()].captured = true;
            if level.captures.contains(&local) {
                continue;
            }
            if level.captures.len() == 256 {
                result = result.and(Err(Too("Too many closure variables in function.")));
            } else {
                level.captures.push(local);
            }
        }
        result
    }

    /// Counts a number or a string that stands in the source.
    pub fn constant(&mut self) -> Result<(), Too> {
        let level = self.top();
        level.constants += 1;
        if level.constants > 256 { Err(Too("Too many constants in one chunk.")) } else { Ok(()) }
    }

    /// Counts bytes of clox's code.
    pub fn grow(&mut self, bytes: usize) {
        self.top().size += bytes;
    }

    /// Bytes of clox's code so far.
    pub fn size(&mut self) -> usize {
        self.top().size
    }
}

fn new_local(tree: &mut Tree) -> Local {
    tree.variables.push(Variable { captured: false, assigned: false, is_function: None });
    Local(tree.variables.len() as u32 - 1)
}
