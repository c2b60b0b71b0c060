// What a boot loader leaves in memory: Multiboot2's boot information and PVH's start info.
import { ByteWriter } from "./byte-writer.ts";
import type { PhysicalMemory } from "./physical-memory.ts";

export interface MemoryRange {
  readonly start: bigint;
  readonly bytes: bigint;
  /** 1 is RAM. */
  readonly type: number;
}

export interface Module {
  readonly start: bigint;
  readonly bytes: bigint;
  /** Its own command line; "module" with Multiboot2 and none with PVH unless it is given. */
  readonly commandLine?: string;
}

/** What the loader tells, in either format. */
export interface BootFacts {
  readonly commandLine: string;
  readonly memoryMap: readonly MemoryRange[];
  readonly modules: readonly Module[];
  /** The ACPI root pointer's structure and where it lies; null for a machine without ACPI. */
  readonly rsdp: { readonly address: bigint; readonly bytes: Uint8Array } | null;
}

export const MULTIBOOT2 = 1;
export const PVH = 2;

export const RAM = 1;
export const RESERVED = 2;

/** A PC with 512 MiB, as Bochs's BIOS describes it. */
export const pcMemoryMap: readonly MemoryRange[] = [
  { start: 0n, bytes: 0x9fc00n, type: RAM },
  { start: 0x9fc00n, bytes: 0x400n, type: RESERVED },
  { start: 0xe8000n, bytes: 0x18000n, type: RESERVED },
  { start: 0x100000n, bytes: 0x1fef0000n, type: RAM },
  { start: 0x1fff0000n, bytes: 0x10000n, type: 3 },
  { start: 0xfffc0000n, bytes: 0x40000n, type: RESERVED },
];

/** One tag of Multiboot2's boot information (Multiboot2 2.0, 3.6). */
export function tag(type: number, content: Uint8Array): Uint8Array {
  return new ByteWriter()
    .u32(type)
    .u32(8 + content.length)
    .append(content)
    .align(8)
    .bytes();
}

function mapTag(ranges: readonly MemoryRange[]): Uint8Array {
  const content = new ByteWriter().u32(24).u32(0);
  for (const { start, bytes, type } of ranges) content.u64(start).u64(bytes).u32(type).u32(0);
  return tag(6, content.bytes());
}

function moduleTag({ start, bytes, commandLine = "module" }: Module): Uint8Array {
  return tag(
    3,
    new ByteWriter()
      .u32(Number(start))
      .u32(Number(start + bytes))
      .text(`${commandLine}\0`)
      .bytes(),
  );
}

/** The tags of a sound boot information, without the end tag. */
export function multiboot2Tags(facts: BootFacts): Uint8Array[] {
  const tags = [tag(1, Buffer.from(`${facts.commandLine}\0`, "latin1")), tag(2, Buffer.from("test loader\0"))];
  tags.push(...facts.modules.map(moduleTag), mapTag(facts.memoryMap));
  if (facts.rsdp) tags.push(tag(facts.rsdp.bytes.length > 20 ? 15 : 14, facts.rsdp.bytes));
  return tags;
}

/** The whole structure: its size, the tags, and the end tag unless `end` is false. */
export function multiboot2Structure(tags: readonly Uint8Array[], end = true): Uint8Array {
  const writer = new ByteWriter().u32(0).u32(0);
  for (const bytes of tags) writer.append(bytes);
  if (end) writer.append(tag(0, new Uint8Array(0)));
  return writer.set32(0, writer.length).bytes();
}

export function writeMultiboot2(memory: PhysicalMemory, address: bigint, facts: BootFacts): void {
  memory.write(address, multiboot2Structure(multiboot2Tags(facts)));
}

/** hvm_start_info of version 1 and what it points to, from `address` on. */
export function writePvh(memory: PhysicalMemory, address: bigint, facts: BootFacts): void {
  const commandLine = address + 0x100n;
  const map = address + 0x1200n;
  const modules = address + 0x4200n;
  const start = new ByteWriter().u32(0x336ec578).u32(1).u32(0).u32(facts.modules.length).u64(modules);
  start
    .u64(commandLine)
    .u64(facts.rsdp?.address ?? 0n)
    .u64(map)
    .u32(facts.memoryMap.length)
    .u32(0);
  memory.write(address, start.bytes());
  memory.write(commandLine, Buffer.from(`${facts.commandLine}\0`, "latin1"));
  const entries = new ByteWriter();
  for (const range of facts.memoryMap) entries.u64(range.start).u64(range.bytes).u32(range.type).u32(0);
  memory.write(map, entries.bytes());
  const list = new ByteWriter();
  facts.modules.forEach(({ start, bytes, commandLine }, i) => {
    const text = address + 0x8000n + BigInt(i) * 0x1000n;
    if (commandLine !== undefined) memory.write(text, Buffer.from(`${commandLine}\0`, "latin1"));
    list
      .u64(start)
      .u64(bytes)
      .u64(commandLine === undefined ? 0n : text)
      .u64(0n);
  });
  memory.write(modules, list.bytes());
}
