// Reads Basalt's page tables back from stopped machines and judges them; and the judge by tables made by hand.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { builtElf } from "../../tools/paths.ts";
import { stopInBochs } from "./support/bochs-snapshot.ts";
import { ImageSymbols } from "./support/image-symbols.ts";
import { layoutOf, pagingStateOf, type MachineState } from "./support/machine-state.ts";
import { breaches, type Layout } from "./support/page-rules.ts";
import { walk, type Mapping, type PagingState } from "./support/page-walker.ts";
import { stopInQemu } from "./support/qemu-snapshot.ts";

const INTERRUPT_STACKS = 5;
const GIB = 1n << 30n;
/** What the image has for core (linker.ld), and each VM's area behind it (hv/core/vm-area.ts). */
const CORE_BYTES = 4n << 20n;
const AREA_BYTES = 0x180000n;
/** hv/shared/vcpu-page.ts. */
const VCPU_PAGE_IN_VMM = 0xfffe0000n;

/** boot/runtime/runtime.h: the linear memory of instance `n` (0 is core) in its PML4 slot. */
function instanceMemory(n: bigint): bigint {
  return ((1n + n) << 39n) + GIB;
}

describe("the page tables of a running Basalt", () => {
  let symbols: ImageSymbols;
  before(async () => {
    symbols = await ImageSymbols.of(builtElf);
  });

  function holdRules(machine: MachineState): Mapping[] {
    const layout = layoutOf(machine, symbols);
    assert.equal(layout.stacks.length, 2 + INTERRUPT_STACKS);
    const mappings = walk(pagingStateOf(machine));
    assert.deepEqual(breaches(pagingStateOf(machine), mappings, layout), []);
    return mappings;
  }

  /** What is mapped for the vmm in a slot: its memory and the state of its instance. */
  function ofSlot(mappings: readonly Mapping[], slot: bigint): Mapping[] {
    const start = instanceMemory(1n + slot) - GIB;
    return mappings.filter(({ linear }) => linear >= start && linear < start + 9n * GIB);
  }

  /** The areas of VMs in core's memory: one a slot, behind core's own 4 MiB. */
  function areasOf(mappings: readonly Mapping[]): Mapping[] {
    const start = instanceMemory(0n) + CORE_BYTES;
    return mappings.filter(({ linear }) => linear >= start && linear < instanceMemory(0n) + 8n * GIB);
  }

  test("are free of writable code, null and stack overflow while VMs are there, and when they are gone nothing is left of them", async () => {
    const guests = "guest=hlt+fault-bounds+count iterations=10";
    const during = holdRules(await stopInBochs(symbols, "vmx_enter", guests));
    for (const slot of [0n, 1n, 2n]) assert.ok(ofSlot(during, slot).length > 0, `nothing is mapped for vm${slot}`);
    const bytes = areasOf(during).reduce((sum, page) => sum + page.bytes, 0n);
    assert.equal(bytes, 3n * AREA_BYTES);
    const after = holdRules(await stopInBochs(symbols, "announce", guests));
    for (const slot of [0n, 1n, 2n]) assert.deepEqual(ofSlot(after, slot), []);
    assert.deepEqual(areasOf(after), []);
  });

  test("give no VM a frame of another VM, or of Basalt's image, and of its own area the vCPU page alone", async () => {
    const machine = await stopInBochs(symbols, "vmx_enter", "guest=hlt+count iterations=10");
    const mappings = walk(pagingStateOf(machine));
    const share = (a: Mapping, b: Mapping): boolean =>
      a.physical < b.physical + b.bytes && b.physical < a.physical + a.bytes;
    const owners = [0n, 1n].map((slot) => ofSlot(mappings, slot));
    const [first = [], second = []] = owners;
    assert.deepEqual(
      first.filter((a) => second.some((b) => share(a, b))),
      [],
    );
    const image = { start: symbols.address("image_start"), end: symbols.address("image_end") };
    const areas = areasOf(mappings);
    for (const [slot, pages] of owners.entries()) {
      const inImage = pages.filter(({ physical, bytes }) => physical < image.end && physical + bytes > image.start);
      assert.deepEqual(inImage, []);
      const memory = instanceMemory(1n + BigInt(slot));
      const ofCore = pages.filter((page) => page.linear >= memory && areas.some((area) => share(page, area)));
      assert.deepEqual(
        ofCore.map(({ linear, bytes }) => [linear - memory, bytes]),
        [[VCPU_PAGE_IN_VMM, 4096n]],
      );
    }
  });

  test("give the terminal VGA's text memory, uncached, and its own data, and nothing else", async () => {
    const machine = await stopInBochs(symbols, "announce", "iterations=10");
    const memory = instanceMemory(17n);
    const pages = walk(pagingStateOf(machine)).filter(({ linear }) => linear >= memory && linear < memory + 8n * GIB);
    const [screen, ...own] = pages;
    assert.deepEqual(screen, { ...screen, linear: memory, physical: 0xb8000n, bytes: 4096n, isUncached: true });
    assert.equal(own.length, 64);
    const data = { start: symbols.address("writable_start"), end: symbols.address("data_end") };
    for (const { linear, physical, isUncached } of own) {
      assert.ok(linear >= memory + 3n * GIB && !isUncached);
      assert.ok(physical >= data.start && physical < data.end);
    }
  });

  test("keep the same rules in QEMU", async () => {
    holdRules(await stopInQemu(symbols, "iterations=10"));
  });
});

describe("the judge of page tables", () => {
  const PRESENT = 1n;
  const WRITABLE = 2n;
  const USER = 4n;
  const LARGE = 0x80n;
  const EXECUTE_DISABLE = 1n << 63n;
  const layout: Layout = {
    text: { start: 0x1000n, end: 0x2000n },
    stacks: [{ name: "the stack", start: 0x5000n, end: 0x6000n }],
  };
  const sound: Readonly<Record<number, bigint>> = {
    1: 0x10_1000n | PRESENT,
    2: 0x10_2000n | PRESENT | EXECUTE_DISABLE,
    5: 0x10_5000n | PRESENT | WRITABLE | EXECUTE_DISABLE,
  };

  /** Four tables at 0x1000 to 0x4000 of physical memory, the last of which maps pages 0 to 511. */
  function state(pages: Readonly<Record<number, bigint>>, other: Partial<Record<string, bigint>> = {}): PagingState {
    const memory = new Map<bigint, bigint>([
      [0x1000n, 0x2000n | PRESENT | WRITABLE | USER],
      [0x2000n, 0x3000n | PRESENT | WRITABLE | USER],
      [0x3000n, 0x4000n | PRESENT | WRITABLE | USER],
      ...Object.entries(pages).map(([n, entry]) => [0x4000n + 8n * BigInt(n), entry] as const),
    ]);
    for (const [address, entry] of Object.entries(other)) memory.set(BigInt(address), entry!);
    const registers = { cr0: 0x8001_0033n, cr3: 0x1000n, cr4: 0x20n, efer: 0xd00n, physicalAddressBits: 40 };
    return { ...registers, read: (physical) => memory.get(physical) ?? 0n };
  }

  function judge(paging: PagingState): string[] {
    return breaches(paging, walk(paging), layout);
  }

  test("finds nothing where there is nothing", () => {
    assert.deepEqual(judge(state(sound)), []);
  });

  const faults: readonly (readonly [what: string, paging: PagingState, breach: RegExp])[] = [
    [
      "a writable page of code",
      state({ ...sound, 7: 0x10_7000n | PRESENT | WRITABLE }),
      /at 0x7000 .* is writable code/,
    ],
    [
      "a frame of code that another page writes",
      state({ ...sound, 7: 0x10_1000n | PRESENT | WRITABLE | EXECUTE_DISABLE }),
      /at 0x1000 .* is code that is writable through .* at 0x7000 /,
    ],
    [
      "a frame of code that a large page writes",
      state(sound, { 0x3008: 0x00_0000n | PRESENT | WRITABLE | LARGE | EXECUTE_DISABLE, 0x4008: 0x10_1000n | PRESENT }),
      /at 0x1000 .* is code that is writable through .* at 0x200000 /,
    ],
    ["address 0", state({ ...sound, 0: 0x10_0000n | PRESENT | EXECUTE_DISABLE }), /address 0 is mapped/],
    [
      "a page below a stack",
      state({ ...sound, 4: 0x10_4000n | PRESENT | EXECUTE_DISABLE }),
      /at 0x4000 .* directly below/,
    ],
    ["a stack without memory", state({ ...sound, 5: 0n }), /0x5000 of the stack is not writable/],
    ["writable text", state({ ...sound, 1: 0x10_1000n | PRESENT | WRITABLE }), /at 0x1000 .*text is writable/],
    ["text that is not mapped", state({ ...sound, 1: 0n }), /text page 0x1000 is not mapped/],
    ["a page for user mode", state({ ...sound, 2: sound[2]! | USER }), /at 0x2000 .* open to user mode/],
    ["write protection that is off", { ...state(sound), cr0: 0x8000_0033n }, /CR0.WP is off/],
  ];
  for (const [what, paging, breach] of faults) {
    test(`finds ${what}`, () => assert.match(judge(paging).join("\n"), breach));
  }

  test("finds execute-disable that is off, which makes all data code", () => {
    const withoutNx = Object.fromEntries(Object.entries(sound).map(([n, entry]) => [n, entry & ~EXECUTE_DISABLE]));
    const found = judge({ ...state(withoutNx), efer: 0x500n }).join("\n");
    assert.match(found, /EFER.NXE is off/);
    assert.match(found, /at 0x5000 .* is writable code/);
  });

  test("takes a right away where any entry on the way does", () => {
    const readOnly = state({ ...sound, 7: 0x10_7000n | PRESENT | WRITABLE }, { 0x2000: 0x3000n | PRESENT });
    assert.ok(walk(readOnly).every(({ isWritable }) => !isWritable));
    const noCode = state(sound, { 0x1000: 0x2000n | PRESENT | WRITABLE | EXECUTE_DISABLE });
    assert.ok(walk(noCode).every(({ isExecutable }) => !isExecutable));
  });

  test("refuses reserved bits: beyond MAXPHYADDR, below a large page, and execute-disable without EFER.NXE", () => {
    assert.throws(() => walk(state({ ...sound, 7: (1n << 40n) | PRESENT })), /PTE for 0x7000 .* 0x10000000000 set/);
    assert.throws(() => walk(state(sound, { 0x3008: 0x2000n | PRESENT | LARGE })), /PDE for 0x200000 .* 0x2000 set/);
    assert.throws(() => walk({ ...state(sound), efer: 0x500n }), /PTE for 0x2000 .* 0x8000000000000000 set/);
  });

  test("refuses a processor that is not in 4-level paging", () => {
    assert.throws(() => walk({ ...state(sound), cr4: 0n }), /not in 4-level paging/);
  });
});
