// The instructions with which structured traffic reaches devices in memory, and the page tables under them.
import { CPU, FIELD } from "./page.ts";
import type { Random } from "./random.ts";
import { ANSWER, type HostileVm, KIND } from "./hostile-vm.ts";

const PML4 = 0x1000;
const PDPT = 0x2000;
const DIRECTORIES = 0x3000;
const CODE = 0x8000;
const CODE_SHIFT = 4;
/** Behind the code. */
export const CODE_END = 0x9000;
/** Present, writable, user, accessed, dirty. */
const TABLE = 0x67;
const LARGE = 0x80;
const ACCESS = { read: 1, write: 2, hasLinear: 16 } as const;

/** Bytes of the instruction, whether it is for 64-bit mode, and how it accesses what EBX, ESI and EDI point to. */
const ROWS: readonly (readonly [bytes: readonly number[], is64Bit: boolean, access: number])[] = [
  [[0x8b, 0x03], false, 1],
  [[0x89, 0x03], false, 2],
  [[0x8a, 0x03], false, 1],
  [[0x88, 0x03], false, 2],
  [[0x66, 0x8b, 0x03], false, 1],
  [[0x66, 0x89, 0x03], false, 2],
  [[0x48, 0x8b, 0x03], true, 1],
  [[0x48, 0x89, 0x03], true, 2],
  [[0x8b, 0x03], true, 1],
  [[0x89, 0x03], true, 2],
  [[0x0f, 0xb6, 0x03], false, 1],
  [[0x0f, 0xbf, 0x03], false, 1],
  [[0xc7, 0x03, 0x78, 0x56, 0x34, 0x12], false, 2],
  [[0x09, 0x03], false, 3],
  [[0x81, 0x23, 0xff, 0, 0xff, 0], false, 3],
  [[0xf0, 0x87, 0x03], false, 3],
  [[0xf0, 0x0f, 0xb1, 0x0b], false, 3],
  [[0xf0, 0x0f, 0xc1, 0x03], false, 3],
  [[0x0f, 0xba, 0x33, 0x05], false, 3],
  [[0xf6, 0x03, 0xff], false, 1],
  [[0x39, 0x03], false, 1],
  [[0xac], false, 1],
  [[0xf3, 0xad], false, 1],
  [[0xf3, 0xab], false, 2],
  [[0x48, 0xab], true, 2],
  [[0xf3, 0xa7], false, 1],
  [[0xf2, 0xae], false, 1],
  [[0xff, 0x33], false, 1],
];
/** Rows by what they do. */
export const READ = { 1: 2, 2: 4, 4: 0, 8: 6 } as const;
export const WRITE = { 1: 3, 2: 5, 4: 1, 8: 7 } as const;
export type Width = keyof typeof READ;

/** Writes the code and its page tables, the first 4 GiB where they are, to guest RAM. */
export function installCode(vm: HostileVm): void {
  const { view, bytes } = vm;
  bytes.fill(0, 0, CODE_END);
  view.setUint32(PML4, PDPT | TABLE, true);
  for (let gib = 0; gib < 4; gib++) {
    const directory = DIRECTORIES + 0x1000 * gib;
    view.setUint32(PDPT + 8 * gib, directory | TABLE, true);
    for (let i = 0; i < 512; i++)
      view.setUint32(directory + 8 * i, (((gib << 30) | (i << 21)) >>> 0) + (TABLE | LARGE), true);
  }
  ROWS.forEach(([code], row) => bytes.set(code, CODE + (row << CODE_SHIFT)));
}

/** Puts the CPU before instruction `row`, which accesses `address`. */
function place(vm: HostileVm, row: number, address: number): void {
  const { page } = vm;
  const [code, is64Bit, access] = ROWS[row]!;
  vm.setMode(is64Bit, PML4);
  page[CPU.rip] = CODE + (row << CODE_SHIFT);
  page[FIELD.instructionLength] = code.length;
  vm.set64(FIELD.access, access | ACCESS.hasLinear, 0);
  vm.set64(FIELD.gpa, address, 0);
  vm.set64(FIELD.linearAddress, address, 0);
  // The stack of PUSH is where the vmm may write nothing: a push from a device's memory is told to fail by its check.
  vm.register(4, CODE_END - 0x100);
  vm.register(3, address);
  vm.register(6, address);
  vm.register(7, address);
}

/** Has the guest carry out instruction `row`, as core asks it: first for a MOV alone. */
function carryOut(vm: HostileVm): number {
  const answer = vm.exit(KIND.move);
  return answer === ANSWER.stateNeeded ? vm.exit(KIND.memory) : answer;
}

/** Writes `value` to a device's memory. */
export function writeMemory(vm: HostileVm, address: number, width: Width, value: number, high = 0): void {
  place(vm, WRITE[width], address >>> 0);
  vm.register(0, value, high);
  carryOut(vm);
}

/** Reads a device's memory; the low 32 bits. */
export function readMemory(vm: HostileVm, address: number, width: Width): number {
  place(vm, READ[width], address >>> 0);
  carryOut(vm);
  return vm.page[992]!;
}

/** Any access with any of the instructions, repeated ones too. */
export function accessMemory(vm: HostileVm, random: Random, address: number): void {
  place(vm, random.below(ROWS.length), address >>> 0);
  vm.register(0, random.value(), random.u32());
  vm.register(1, random.once(2) ? random.below(100) : random.u32());
  if (random.once(8)) vm.page[CPU.rflags] = 2 | (random.u32() & 0xcd5);
  if (random.once(3)) vm.exit(KIND.memory);
  else carryOut(vm);
}
