// AssemblyScript: the whole vmm, with its machine's state saved and restored, as exports for the fuzzer. Holds no logic.

import { Machine } from "../../../hv/vmm/machine";
import { StateTable } from "../../../hv/vmm/state";
import { Vmm } from "../../../hv/vmm/vmm";

export { exit, reset } from "../../../hv/vmm/index";

let machine: Machine | null = null;
let table: StateTable | null = null;

export function create(page: u32): u32 {
  const vmm = new Vmm(page);
  const root = changetype<usize>(vmm);
  machine = changetype<Machine>(load<usize>(root + offsetof<Vmm>("machine")));
  table = new StateTable();
  return <u32>root;
}

/** How many numbers the state has; they are at `numbers`. */
export function save(): i32 {
  const saved = table!;
  saved.startSaving();
  machine!.visit(saved);
  return saved.status == 0 ? saved.length : -1;
}

export function numbers(): usize {
  return changetype<usize>(table!.numbers);
}

/** The status. */
export function restore(length: i32): u32 {
  const saved = table!;
  saved.length = length;
  saved.startRestoring();
  machine!.visit(saved);
  return saved.status;
}
