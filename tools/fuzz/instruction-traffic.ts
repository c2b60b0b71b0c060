// Random bytes as instructions, in any state of a CPU and its paging structures.
import { CPU, FIELD, REGISTERS, SEGMENT_WORDS, SEGMENTS } from "./page.ts";
import type { Random } from "./random.ts";
import { type HostileVm, KIND, RAM_BYTES } from "./hostile-vm.ts";

const PAGE_BYTES = 0x1000;
/** One-byte opcodes that access memory, most of them ones that the executor knows. */
const OPCODES = [
  ...[0x00, 0x01, 0x02, 0x03, 0x08, 0x09, 0x0a, 0x0b, 0x10, 0x11, 0x20, 0x21, 0x28, 0x29, 0x31, 0x33, 0x38, 0x39, 0x3a],
  ...[0x6c, 0x6d, 0x6e, 0x6f, 0x80, 0x81, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0x8f, 0xa0, 0xa1, 0xa2],
  ...[0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0xc0, 0xc1, 0xc6, 0xc7, 0xd0, 0xd1, 0xd2, 0xd3],
  ...[0xf4, 0xf6, 0xf7, 0xfe, 0xff],
];
const ESCAPED = [
  0xb6, 0xb7, 0xbe, 0xbf, 0xa3, 0xab, 0xb3, 0xbb, 0xba, 0xb0, 0xb1, 0xc0, 0xc1, 0x01, 0x20, 0x22, 0x30, 0xa2,
];
const PREFIXES = [0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x40, 0x48, 0x4f];
const DEVICE_ADDRESSES = [0xfee0_0000, 0xfec0_0000, 0xe000_0000, 0xc000_0000, 0xc000_8000, 0xd000_0000, RAM_BYTES - 8];
const KINDS = [KIND.move, KIND.memory, KIND.memory, KIND.stringPort, KIND.instruction, KIND.taskSwitch];

function address(random: Random): number {
  const choice = random.u32() & 3;
  if (choice === 0) return random.of(DEVICE_ADDRESSES) + random.below(64);
  if (choice === 1) return RAM_BYTES - 8 + random.below(16);
  return choice === 2 ? random.below(RAM_BYTES) : random.value();
}

function writeCode(vm: HostileVm, random: Random, at: number): void {
  const { bytes } = vm;
  let next = at;
  if (!random.once(8)) {
    for (let prefixes = random.below(4); prefixes > 0; prefixes--) bytes[next++] = random.of(PREFIXES);
    if (random.once(3)) {
      bytes[next++] = 0x0f;
      bytes[next++] = random.once(8) ? random.u32() : random.of(ESCAPED);
    } else bytes[next++] = random.once(8) ? random.u32() : random.of(OPCODES);
  }
  while (next < at + 15) bytes[next++] = random.u32();
}

/** A paging structure's entry that may be present, lead to RAM, be a large page, or have reserved bits set. */
function writeEntry(vm: HostileVm, random: Random): void {
  const { view } = vm;
  const at = PAGE_BYTES + 8 * random.below((7 * PAGE_BYTES) / 8);
  const flags = random.once(4) ? random.u32() & 0xfff : 0x67 | (random.once(3) ? 0x80 : 0);
  const table = random.once(8) ? random.u32() : PAGE_BYTES * (1 + random.below(random.once(2) ? 8 : 512));
  view.setUint32(at, ((table & ~0xfff) | flags) >>> 0, true);
  view.setUint32(at + 4, random.once(16) ? random.value() : 0, true);
}

function setState(vm: HostileVm, random: Random): void {
  const { page } = vm;
  const mode = random.below(8);
  vm.setMode(mode < 4, PAGE_BYTES * (1 + random.below(random.once(8) ? 512 : 2)));
  if (mode === 4 || mode === 5) {
    // 32-bit paging, or PAE's.
    page[CPU.cr0] = 0x8000_0011;
    page[CPU.cr4] = mode === 4 ? 0x10 : 0x20;
    for (let i = 0; i < 8; i += 2) page[CPU.pdpte0 + i] = PAGE_BYTES * (1 + random.below(8)) + random.below(2);
  } else if (mode === 6) {
    page[CPU.cr0] = 0x10;
    for (let i = 0; i < 6; i++) {
      page[SEGMENTS + i * SEGMENT_WORDS] = random.below(0x10_0000);
      page[SEGMENTS + i * SEGMENT_WORDS + 2] = 0xffff;
      page[SEGMENTS + i * SEGMENT_WORDS + 3] = i === 1 ? 0x9b : 0x93;
    }
  }
  if (random.once(3)) page[CPU.rflags] = 2 | (random.u32() & 0x3f_7fd5);
  if (random.once(8)) page[CPU.cr0] = (page[CPU.cr0]! ^ (1 << random.below(32))) >>> 0;
  if (random.once(8)) page[CPU.cr4] = (page[CPU.cr4]! ^ (1 << random.below(24))) >>> 0;
  if (random.once(8)) page[CPU.efer] = random.u32() & 0xd01;
  page[CPU.cpl] = random.once(4) ? 3 : 0;
  if (random.once(4)) randomSegment(vm, random);
  page[CPU.gdtrBase] = random.once(2) ? random.below(RAM_BYTES) : random.value();
  page[CPU.gdtrLimit] = random.u32() & 0xffff;
  page[CPU.idtrBase] = random.below(RAM_BYTES);
  page[CPU.idtrLimit] = random.u32() & 0xffff;
}

function randomSegment(vm: HostileVm, random: Random): void {
  const at = SEGMENTS + random.below(8) * SEGMENT_WORDS;
  vm.page[at] = address(random);
  vm.page[at + 1] = random.once(8) ? random.u32() : 0;
  vm.page[at + 2] = random.once(2) ? 0xffff_ffff : random.value();
  vm.page[at + 3] = random.once(2) ? random.u32() & 0x1_f0ff : 0xc093;
  vm.page[at + 4] = random.u32() & 0xffff;
}

/** An exit with any instruction at RIP, anything in the registers, and any state. */
export function anyInstruction(vm: HostileVm, random: Random): void {
  const { page } = vm;
  if (random.once(4)) writeEntry(vm, random);
  if (!random.once(4)) setState(vm, random);
  const rip = random.once(16) ? address(random) : 0x1_0000 + random.below(random.once(8) ? 0x1_0000 : 64);
  if (!random.once(4) && rip < RAM_BYTES - 16) writeCode(vm, random, rip);
  page[CPU.rip] = rip;
  page[CPU.rip + 1] = random.once(64) ? random.u32() : 0;
  for (let i = 0; i < 16; i++) {
    page[REGISTERS + 2 * i] = i === 1 && random.once(2) ? random.below(200) : address(random);
    page[REGISTERS + 2 * i + 1] = random.once(32) ? random.value() : 0;
  }
  page[FIELD.instructionLength] = random.below(random.once(8) ? 16 : 1);
  const where = address(random);
  vm.set64(FIELD.gpa, where, random.once(64) ? random.value() : 0);
  vm.set64(FIELD.linearAddress, random.once(4) ? random.value() : where, 0);
  const kind = random.of(KINDS);
  if (kind === KIND.stringPort) {
    page[FIELD.access] = ((page[REGISTERS + 4]! << 16) | 0x10 | random.below(0x40)) >>> 0;
    page[FIELD.access + 1] = random.once(8) ? random.u32() : 0;
  } else if (kind === KIND.taskSwitch) vm.set64(FIELD.access, random.u32(), random.once(4) ? random.u32() : 0);
  else vm.set64(FIELD.access, random.u32() & 0x1f, 0);
  vm.exit(kind);
}

/** Tables of descriptors and TSSs that a task switch can go by, with what it finds there at random. */
export function taskTables(vm: HostileVm, random: Random): void {
  const { view, page } = vm;
  const gdt = 0x2_0000;
  vm.setMode(false, PAGE_BYTES);
  for (let i = 0; i < 8; i++) {
    const base = 0x3_0000 + 0x100 * i;
    const type = random.once(2)
      ? random.of([0x89, 0x8b, 0x81, 0x83, 0x82])
      : random.of([0x9b, 0x93, 0xf3, 0x9f, random.u32() & 0xff]);
    view.setUint32(gdt + 8 * i, ((base << 16) | (random.once(8) ? random.u32() & 0xffff : 0x67)) >>> 0, true);
    view.setUint32(gdt + 8 * i + 4, ((base >>> 16) | (type << 8) | (random.below(16) << 20)) >>> 0, true);
    for (let word = 0; word < 26; word++) {
      const isSelector = word >= 18;
      view.setUint32(base + 4 * word, isSelector ? random.below(64) : address(random), true);
    }
  }
  page[CPU.gdtrBase] = gdt;
  page[CPU.gdtrLimit] = random.once(8) ? random.below(64) : 63;
  page[SEGMENTS + 7 * SEGMENT_WORDS] = random.once(8) ? address(random) : 0x3_0000 + 0x100 * random.below(8);
  page[SEGMENTS + 7 * SEGMENT_WORDS + 2] = 0x67;
  vm.set64(FIELD.access, ((random.below(8) * 8) | (random.below(4) << 28) | (random.below(4) << 30)) >>> 0, 0);
  page[FIELD.instructionLength] = random.below(8);
  vm.exit(KIND.taskSwitch);
}

/** INS and OUTS at ports of devices, with repeat counts as large as they can be. */
export function stringPorts(vm: HostileVm, random: Random, isQuiet: boolean): void {
  const { page, bytes } = vm;
  const isIn = !isQuiet && random.once(2);
  const size = random.of([1, 2, 4]);
  vm.setMode(false, 0);
  const at = 0x9_f000;
  const code = [0xf3, ...(size === 2 ? [0x66] : []), (isIn ? 0x6c : 0x6e) + (size === 1 ? 0 : 1)];
  if (isQuiet && bytes[0x8f80] !== 0xf3) bytes.set([0xf3, 0x6e], 0x8f80);
  else if (!isQuiet) bytes.set(code, at);
  const width = isQuiet ? 1 : size;
  const port = random.of([0x20, 0x40, 0x43, 0x60, 0x71, 0xe9, 0x3f8, 0x3fb, 0x604, 0xcfc, 0xc000, 0xc004, 0xc008]);
  page[CPU.rip] = isQuiet ? 0x8f80 : at;
  vm.register(1, random.once(2) ? 0xffff_ffff : random.below(1000));
  vm.register(2, isQuiet ? 0x3f8 : port);
  vm.register(6, random.below(RAM_BYTES));
  vm.register(7, 0xa_0000 + random.below(0x1_0000));
  page[FIELD.instructionLength] = 0;
  const direction = isIn ? 8 : 0;
  vm.set64(
    FIELD.access,
    ((page[REGISTERS + 4]! << 16) | 0x30 | direction | (width - 1)) >>> 0,
    random.once(8) ? 0x8000_0000 : 0,
  );
  for (let portions = 0; portions < 4; portions++) vm.exit(KIND.stringPort);
}
