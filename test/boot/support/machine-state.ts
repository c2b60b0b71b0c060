// A machine that was stopped: its paging registers and the part of its memory that holds the host's tables.
import type { ImageSymbols } from "./image-symbols.ts";
import type { Layout, Range } from "./page-rules.ts";
import { hex, walk, type Mapping, type PagingState } from "./page-walker.ts";

/** What an emulator's debugger tells of a stopped machine. */
export interface MachineState extends Omit<PagingState, "read" | "physicalAddressBits"> {
  readonly gdtBase: bigint;
  readonly taskSelector: bigint;
  /** Physical memory from `memoryStart` on. */
  readonly memory: Buffer;
  readonly memoryStart: bigint;
}

/** MAXPHYADDR of Bochs's Intel models and of QEMU's `-cpu max`. */
const physicalAddressBits = 40;

/** linker.ld: each IST stack has two pages above its guard page. */
const interruptStackBytes = 2n * 4096n;

// SDM 3A 8.7: IST1 to IST7 in a 64-bit task-state segment.
const firstInterruptStack = 0x24n;
const interruptStacks = 7n;

/** The physical memory that a snapshot has to hold: the image's data, where Basalt keeps its page tables. */
export function dataOf(symbols: ImageSymbols): Range {
  return { start: symbols.address("writable_start"), end: symbols.address("data_end") };
}

/** The state as the walker takes it. */
export function pagingStateOf(machine: MachineState): PagingState {
  return { ...machine, physicalAddressBits, read: (physical) => readPhysical(machine, physical) };
}

function readPhysical({ memory, memoryStart }: MachineState, physical: bigint): bigint {
  const offset = Number(physical - memoryStart);
  if (offset >= 0 && offset + 8 <= memory.length) return memory.readBigUInt64LE(offset);
  throw new Error(`${hex(physical)} is not in the snapshot; do Basalt's tables lie outside of the image's data?`);
}

/** Where text and stacks lie; the interrupt stacks are those that the processor itself would take, from its TSS. */
export function layoutOf(machine: MachineState, symbols: ImageSymbols): Layout {
  const mappings = walk(pagingStateOf(machine));
  return {
    text: { start: symbols.address("text_start"), end: symbols.address("text_end") },
    stacks: [
      ...["core", "vmm"].map((name) => ({
        name: `${name}'s stack`,
        start: symbols.address(`${name}_stack_bottom`),
        end: symbols.address(`${name}_stack_top`),
      })),
      ...interruptStackTops(machine, mappings).map(({ number, top }) => ({
        name: `the stack IST${number}`,
        start: top - interruptStackBytes,
        end: top,
      })),
    ],
  };
}

function interruptStackTops(machine: MachineState, mappings: readonly Mapping[]): { number: bigint; top: bigint }[] {
  const read = (linear: bigint): bigint => readPhysical(machine, translate(mappings, linear));
  const descriptor = machine.gdtBase + machine.taskSelector;
  const [low, high] = [read(descriptor), read(descriptor + 8n)];
  const segment = ((low >> 16n) & 0xff_ffffn) | (((low >> 56n) & 0xffn) << 24n) | ((high & 0xffff_ffffn) << 32n);
  return Array.from({ length: Number(interruptStacks) }, (_, n) => BigInt(n))
    .map((n) => ({ number: n + 1n, top: read(segment + firstInterruptStack + 8n * n) }))
    .filter(({ top }) => top !== 0n);
}

function translate(mappings: readonly Mapping[], linear: bigint): bigint {
  const page = mappings.find((mapping) => linear >= mapping.linear && linear < mapping.linear + mapping.bytes);
  if (page === undefined) throw new Error(`${hex(linear)} is not mapped`);
  return page.physical + (linear - page.linear);
}
