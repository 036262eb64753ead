//! Which handler does which operation.

use super::*;

/// A handler of an operation. What it is given stays in registers from one instruction to the next: pc, frame, core,
/// limit, the table of handlers, statics.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Handler(
    pub(super) unsafe fn(*const Insn, *mut Value, *mut Core, isize, *const Handler, *const Value),
);

/// A table that stops after one instruction.
pub(super) static PAUSES: [Handler; Op::ALL.len()] = [Handler(pause); Op::ALL.len()];

/// The handlers of all operations.
pub(super) static TABLE: [Handler; Op::ALL.len()] = {
    let mut table = [Handler(halt); Op::ALL.len()];
    macro_rules! fill {
        ($($op:ident = $handler:ident;)+) => { $(table[Op::$op as usize] = Handler($handler);)+ };
    }
    fill! {
        Halt = halt; Move = move_; Load = load;
        GetGlobal = get_global; SetGlobal = set_global; DefineGlobal = define_global;
        GetCapture = get_capture; GetCaptureBox = get_capture_box; SetCaptureBox = set_capture_box;
        GetSelf = get_self; NewBox = new_box; GetBox = get_box; SetBox = set_box; Closure = closure;
        Add = add; AddK = add_k; Subtract = subtract; SubtractK = subtract_k; KSubtract = k_subtract;
        Multiply = multiply; MultiplyK = multiply_k; Divide = divide; DivideK = divide_k; KDivide = k_divide;
        Negate = negate; Not = not; Less = less; NotLess = not_less; Equal = equal; NotEqual = not_equal;
        Jump = jump; JumpIf = jump_if; JumpUnless = jump_unless;
        JumpLess = jump_less; JumpNotLess = jump_not_less; JumpLessK = jump_less_k;
        JumpNotLessK = jump_not_less_k; JumpKLess = jump_k_less; JumpKNotLess = jump_k_not_less;
        JumpEqual = jump_equal; JumpNotEqual = jump_not_equal; JumpEqualK = jump_equal_k;
        JumpNotEqualK = jump_not_equal_k; Call = call; CallGlobal = call_global; Invoke = invoke;
        InvokeSuper = invoke_super; Return = return_; ReturnK = return_k; GetProperty = get_property;
        SetProperty = set_property; GetSuper = get_super; Class = class; Inherit = inherit; Method = method;
        Print = print;
    }
    table
};
