//! What a function computes in vain. A parameter that nothing uses would still take a register, and a move on each way to its
//! block.

use cranelift_codegen::entity::{EntitySet, SecondaryMap};
use cranelift_codegen::ir::{Block, BlockCall, DataFlowGraph, Function, Inst, Value, ValueDef};

/// Takes unused parameters from all blocks but the first, and what only computes such parameters.
pub(super) fn drop(function: &mut Function) {
    let mut arrivals: SecondaryMap<Block, Vec<(Inst, usize)>> = SecondaryMap::new();
    let mut used = Used { todo: Vec::new(), seen: EntitySet::new() };
    for block in function.layout.blocks() {
        for inst in function.layout.block_insts(block) {
            if matters(&function.dfg, inst) {
                function.dfg.inst_args(inst).iter().for_each(|&value| used.add(value));
            }
            for (i, call) in calls(function, inst).iter().enumerate() {
                arrivals[call.block(&function.dfg.value_lists)].push((inst, i));
            }
        }
    }
    while let Some(value) = used.todo.pop() {
        match function.dfg.value_def(value) {
            ValueDef::Result(inst, _) => {
                function.dfg.inst_args(inst).iter().for_each(|&value| used.add(value));
            }
            ValueDef::Param(block, number) => {
                for &(inst, i) in &arrivals[block] {
                    let arg = calls(function, inst)[i].args(&function.dfg.value_lists).nth(number);
                    used.add(arg.and_then(|arg| arg.as_value()).expect("each parameter is given a value"));
                }
            }
            ValueDef::Union(..) => unreachable!("there is no e-graph yet"),
        }
    }
    let stencil = &mut function.stencil;
    let blocks: Vec<Block> = stencil.layout.blocks().collect();
    for &block in &blocks {
        let mut next = stencil.layout.first_inst(block);
        while let Some(inst) = next {
            next = stencil.layout.next_inst(inst);
            let is_used = |result: &Value| used.seen.contains(*result);
            if !matters(&stencil.dfg, inst) && !stencil.dfg.inst_results(inst).iter().any(is_used) {
                stencil.layout.remove_inst(inst);
            }
        }
    }
    for &block in &blocks[1..] {
        for number in (0..stencil.dfg.num_block_params(block)).rev() {
            let param = stencil.dfg.block_params(block)[number];
            if used.seen.contains(param) {
                continue;
            }
            stencil.dfg.remove_block_param(param);
            for &(inst, i) in &arrivals[block] {
                let DataFlowGraph { insts, jump_tables, exception_tables, value_lists, .. } =
                    &mut stencil.dfg;
                let calls = insts[inst].branch_destination_mut(jump_tables, exception_tables);
                calls[i].remove(number, value_lists);
            }
        }
    }
}

struct Used {
    todo: Vec<Value>,
    seen: EntitySet<Value>,
}

impl Used {
    fn add(&mut self, value: Value) {
        if self.seen.insert(value) {
            self.todo.push(value);
        }
    }
}

/// Whether an instruction does more than to compute its results.
fn matters(dfg: &DataFlowGraph, inst: Inst) -> bool {
    let data = &dfg.insts[inst];
    let opcode = data.opcode();
    let may_trap = if opcode.can_load() { data.memflags_trap_code(dfg).is_some() } else { opcode.can_trap() };
    opcode.is_terminator()
        || opcode.is_call()
        || opcode.can_store()
        || opcode.other_side_effects()
        || may_trap
}

/// Where an instruction leads.
fn calls(function: &Function, inst: Inst) -> &[BlockCall] {
    let dfg = &function.dfg;
    dfg.insts[inst].branch_destination(&dfg.jump_tables, &dfg.exception_tables)
}
