// Each fault that a guest's page tables can raise, each reserved bit and each flag, once by hand (SDM 3A 4.3 to 4.8).
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryMachine } from "./memory-machine.ts";

const READ = 0;
const WRITE = 2;
const USER = 4;
const FETCH = 16;
const IMPLICIT = 0x100;
const PG = 1n << 31n;
const WP = 1n << 16n;
const PSE = 1n << 4n;
const PAE = 1n << 5n;
const LA57 = 1n << 12n;
const SMEP = 1n << 20n;
const SMAP = 1n << 21n;
const LMA = 0x500n;
const NXE = 0x800n;
const AC = 1n << 18n;
const NX = 1n << 63n;
/** Present, writable, user. */
const ALL = 7n;
const LARGE = 0x80n;
const A = 0x20n;
const D = 0x40n;

const PML5 = 0x1000n;
const PML4 = 0x2000n;
const PDPT = 0x3000n;
const PD = 0x4000n;
const PT = 0x5000n;
/** Index 1 at each of the five levels, and offset 0x123. */
const LINEAR = (1n << 48n) | (1n << 39n) | (1n << 30n) | (1n << 21n) | (1n << 12n) | 0x123n;
const LINEAR_48 = LINEAR - (1n << 48n);

/** 4-level paging, or 5-level, whose entries grant everything; LINEAR_48, or LINEAR, leads to 0x6123. */
function fourLevel(is5Level = false): MemoryMachine {
  const machine = new MemoryMachine({ ramBytes: 0x10000n });
  machine.set("cr0", 1n | PG | WP);
  machine.set("cr4", PAE | (is5Level ? LA57 : 0n));
  machine.set("efer", LMA | NXE);
  machine.set("cr3", is5Level ? PML5 : PML4);
  machine.writeRam(PML5 + 8n, 8, PML4 | ALL);
  machine.writeRam(PML4 + 8n, 8, PDPT | ALL);
  machine.writeRam(PDPT + 8n, 8, PD | ALL);
  machine.writeRam(PD + 8n, 8, PT | ALL);
  machine.writeRam(PT + 8n, 8, 0x6000n | ALL);
  return machine;
}

/** 32-bit paging: PDE 1 of PD and PTE 1 of PT; 0x401123 leads to 0x6123. */
function twoLevel(): MemoryMachine {
  const machine = new MemoryMachine({ ramBytes: 0x10000n });
  machine.set("cr0", 1n | PG | WP);
  machine.set("cr3", PD);
  machine.writeRam(PD + 4n, 4, PT | ALL);
  machine.writeRam(PT + 4n, 4, 0x6000n | ALL);
  return machine;
}

/** PAE paging: the PDPTE register 1, PDE 1 and PTE 1; 0x40201123 leads to 0x6123. */
function threeLevel(): MemoryMachine {
  const machine = new MemoryMachine({ ramBytes: 0x10000n });
  machine.set("cr0", 1n | PG | WP);
  machine.set("cr4", PAE);
  machine.set("efer", NXE);
  machine.set("pdpte1", PD | 1n);
  machine.writeRam(PD + 8n, 8, PT | ALL);
  machine.writeRam(PT + 8n, 8, 0x6000n | ALL);
  return machine;
}

const LEVELS: readonly (readonly [string, bigint])[] = [
  ["PML5E", PML5],
  ["PML4E", PML4],
  ["PDPTE", PDPT],
  ["PDE", PD],
  ["PTE", PT],
];

function or(machine: MemoryMachine, table: bigint, bits: bigint): void {
  machine.writeRam(table + 8n, 8, machine.readRam(table + 8n, 8) | bits);
}
function clear(machine: MemoryMachine, table: bigint, bits: bigint): void {
  machine.writeRam(table + 8n, 8, machine.readRam(table + 8n, 8) & ~bits);
}

test("without paging a linear address is the physical one", () => {
  assert.equal(new MemoryMachine({ ramBytes: 0x1000n }).translate(0xfedcba98n, WRITE | USER), 0xfedcba98n);
});

test("4-level and 5-level paging lead through all their tables", () => {
  assert.equal(fourLevel().translate(LINEAR_48, READ), 0x6123n);
  assert.equal(fourLevel(true).translate(LINEAR, READ), 0x6123n);
});

for (const [name, table] of LEVELS) {
  test(`a ${name} that is not present is a page fault without P, with W/R, U/S and I/D of the access`, () => {
    const machine = fourLevel(true);
    clear(machine, table, 1n);
    assert.equal(machine.translate(LINEAR, READ), "#PF(0)");
    assert.equal(machine.translate(LINEAR, WRITE), "#PF(2)");
    assert.equal(machine.translate(LINEAR, WRITE | USER), "#PF(6)");
    assert.equal(machine.translate(LINEAR, FETCH), "#PF(16)");
    assert.equal(machine.translate(LINEAR, FETCH | USER), "#PF(20)");
  });

  test(`R/W = 0 in a ${name} keeps users from writing, and with CR0.WP supervisors`, () => {
    const machine = fourLevel(true);
    clear(machine, table, 2n);
    assert.equal(machine.translate(LINEAR, READ | USER), 0x6123n);
    assert.equal(machine.translate(LINEAR, WRITE | USER), "#PF(7)");
    assert.equal(machine.translate(LINEAR, WRITE), "#PF(3)");
    machine.set("cr0", 1n | PG);
    assert.equal(machine.translate(LINEAR, WRITE), 0x6123n);
    assert.equal(machine.translate(LINEAR, WRITE | USER), "#PF(7)");
  });

  test(`U/S = 0 in a ${name} keeps users out, and lets a supervisor in under SMEP and SMAP`, () => {
    const machine = fourLevel(true);
    machine.set("cr4", PAE | LA57 | SMEP | SMAP);
    clear(machine, table, 4n);
    assert.equal(machine.translate(LINEAR, READ | USER), "#PF(5)");
    assert.equal(machine.translate(LINEAR, FETCH | USER), "#PF(21)");
    assert.equal(machine.translate(LINEAR, WRITE), 0x6123n);
    assert.equal(machine.translate(LINEAR, FETCH), 0x6123n);
  });

  test(`XD in a ${name} keeps everyone from fetching, and is a reserved bit without EFER.NXE`, () => {
    const machine = fourLevel(true);
    or(machine, table, NX);
    assert.equal(machine.translate(LINEAR, FETCH), "#PF(17)");
    assert.equal(machine.translate(LINEAR, FETCH | USER), "#PF(21)");
    assert.equal(machine.translate(LINEAR, READ), 0x6123n);
    machine.set("efer", LMA);
    assert.equal(machine.translate(LINEAR, READ), "#PF(9)");
    assert.equal(machine.translate(LINEAR, FETCH), "#PF(9)");
  });

  test(`an address bit from MAXPHYADDR to 51 in a ${name} is reserved`, () => {
    for (const [bit, bits] of [
      [40n, 40n],
      [51n, 40n],
      [36n, 36n],
      [51n, 51n],
    ] as const) {
      const machine = fourLevel(true);
      machine.set("physicalAddressBits", bits);
      or(machine, table, 1n << bit);
      assert.equal(machine.translate(LINEAR, READ), "#PF(9)");
      assert.equal(machine.translate(LINEAR, WRITE | USER), "#PF(15)");
    }
  });

  test(`bits 62:52 and 11:8 of a ${name} are ignored in long mode`, () => {
    const machine = fourLevel(true);
    or(machine, table, 0x7ff0000000000f00n);
    assert.equal(machine.translate(LINEAR, READ), 0x6123n);
  });

  test(`a ${name} gets its accessed flag with any access that is permitted, and none with one that is not`, () => {
    const machine = fourLevel(true);
    clear(machine, PT, 2n);
    assert.equal(machine.translate(LINEAR, WRITE), "#PF(3)");
    assert.equal(machine.readRam(table + 8n, 8) & (A | D), 0n);
    machine.translate(LINEAR, FETCH);
    assert.equal(machine.readRam(table + 8n, 8) & (A | D), A);
  });
}

test("a write sets the dirty flag of the entry that maps the page, and of no other", () => {
  const machine = fourLevel();
  assert.equal(machine.translate(LINEAR_48, READ), 0x6123n);
  assert.equal(machine.readRam(PT + 8n, 8), 0x6000n | ALL | A);
  assert.equal(machine.translate(LINEAR_48, WRITE), 0x6123n);
  assert.equal(machine.readRam(PT + 8n, 8), 0x6000n | ALL | A | D);
  for (const table of [PML4, PDPT, PD]) assert.equal(machine.readRam(table + 8n, 8) & (A | D), A);
});

test("bit 7 is reserved in a PML4E and a PML5E, and PAT in a PTE", () => {
  for (const table of [PML5, PML4]) {
    const machine = fourLevel(true);
    or(machine, table, LARGE);
    assert.equal(machine.translate(LINEAR, READ), "#PF(9)");
  }
  const machine = fourLevel();
  or(machine, PT, LARGE);
  assert.equal(machine.translate(LINEAR_48, READ), 0x6123n);
});

test("a PDE maps 2 MiB and a PDPTE 1 GiB, whose address bits below are reserved but for PAT", () => {
  const machine = fourLevel();
  const offset2MiB = LINEAR_48 & 0x1fffffn;
  const offset1GiB = LINEAR_48 & 0x3fffffffn;
  machine.writeRam(PD + 8n, 8, 0x12200000n | 0x1000n | LARGE | ALL);
  assert.equal(machine.translate(LINEAR_48, WRITE), 0x12200000n | offset2MiB);
  assert.equal(machine.readRam(PD + 8n, 8) & (A | D), A | D);
  assert.equal(machine.translate(LINEAR_48, WRITE), 0x12200000n | offset2MiB, "with all flags set");
  for (const bit of [13n, 20n]) {
    machine.writeRam(PD + 8n, 8, 0x12200000n | (1n << bit) | LARGE | ALL | A | D);
    assert.equal(machine.translate(LINEAR_48, READ), "#PF(9)");
  }
  machine.writeRam(PDPT + 8n, 8, 0x80000000n | 0x1000n | LARGE | ALL);
  assert.equal(machine.translate(LINEAR_48, READ), 0x80000000n | offset1GiB);
  for (const bit of [13n, 29n]) {
    machine.writeRam(PDPT + 8n, 8, 0x80000000n | (1n << bit) | LARGE | ALL | A | D);
    assert.equal(machine.translate(LINEAR_48, READ), "#PF(9)");
  }
});

test("on a CPU without 1-GiB pages bit 7 of a PDPTE is reserved", () => {
  const machine = fourLevel();
  machine.wasm.setHas1GibPages(machine.handle, 0);
  machine.writeRam(PDPT + 8n, 8, 0x80000000n | LARGE | ALL | A);
  assert.equal(machine.translate(LINEAR_48, READ), "#PF(9)");
});

test("SMEP keeps a supervisor from fetching from a user's page, and then I/D is told without EFER.NXE too", () => {
  const machine = fourLevel();
  assert.equal(machine.translate(LINEAR_48, FETCH), 0x6123n);
  machine.set("cr4", PAE | SMEP);
  assert.equal(machine.translate(LINEAR_48, FETCH), "#PF(17)");
  assert.equal(machine.translate(LINEAR_48, FETCH | USER), 0x6123n);
  machine.set("efer", LMA);
  assert.equal(machine.translate(LINEAR_48, FETCH), "#PF(17)");
  machine.set("cr4", PAE);
  clear(machine, PT, 1n);
  assert.equal(machine.translate(LINEAR_48, FETCH), "#PF(0)", "with neither, a fetch is a read");
});

test("SMAP keeps a supervisor from a user's page unless RFLAGS.AC is set, which does not count for implicit accesses", () => {
  const machine = fourLevel();
  machine.set("cr4", PAE | SMAP);
  assert.equal(machine.translate(LINEAR_48, READ), "#PF(1)");
  assert.equal(machine.translate(LINEAR_48, WRITE), "#PF(3)");
  assert.equal(machine.translate(LINEAR_48, FETCH), 0x6123n);
  assert.equal(machine.translate(LINEAR_48, WRITE | USER), 0x6123n);
  machine.set("rflags", 2n | AC);
  assert.equal(machine.translate(LINEAR_48, WRITE), 0x6123n);
  assert.equal(machine.translate(LINEAR_48, READ | IMPLICIT), "#PF(1)");
  clear(machine, PD, 4n);
  assert.equal(machine.translate(LINEAR_48, READ | IMPLICIT), 0x6123n);
});

test("an entry beyond RAM reads as all ones: reserved bits, and nothing is written", () => {
  const machine = fourLevel();
  machine.set("cr3", 0x10000n);
  assert.equal(machine.translate(LINEAR_48, WRITE), "#PF(11)");
  machine.set("cr3", 0xfffffffff000n);
  assert.equal(machine.translate(LINEAR_48, READ), "#PF(9)");
});

test("32-bit paging has two levels, no XD and no bits that a MAXPHYADDR reserves", () => {
  const machine = twoLevel();
  machine.set("efer", NXE);
  assert.equal(machine.translate(0x401123n, WRITE | USER), 0x6123n);
  assert.equal(machine.readRam(PD + 4n, 4) & 0xffn, ALL | A);
  assert.equal(machine.readRam(PT + 4n, 4) & 0xffn, ALL | A | D);
  machine.writeRam(PT + 4n, 4, 0xfffff000n | ALL);
  assert.equal(machine.translate(0x401123n, FETCH), 0xfffff123n);
  assert.equal(machine.translate(0x402123n, FETCH | USER), "#PF(4)", "without PAE a fetch is a read");
  machine.writeRam(PD + 4n, 4, PT | 5n);
  assert.equal(machine.translate(0x401123n, WRITE), "#PF(3)");
  machine.writeRam(PD + 4n, 4, PT | 3n);
  assert.equal(machine.translate(0x401123n, READ | USER), "#PF(5)");
});

test("a PDE of 32-bit paging maps 4 MiB with CR4.PSE only, above 4 GiB by PSE-36 as far as MAXPHYADDR", () => {
  const machine = twoLevel();
  machine.writeRam(PD + 4n, 4, PT | LARGE | ALL);
  assert.equal(machine.translate(0x401123n, READ), 0x6123n, "without CR4.PSE bit 7 is ignored");
  machine.set("cr4", PSE);
  machine.writeRam(PD + 4n, 4, 0x00c00000n | (0xa5n << 13n) | LARGE | ALL);
  assert.equal(machine.translate(0x401123n, WRITE), (0xa5n << 32n) | 0xc01123n);
  assert.equal(machine.readRam(PD + 4n, 4) & (A | D), A | D);
  machine.set("physicalAddressBits", 36n);
  assert.equal(machine.translate(0x401123n, READ), "#PF(9)");
  machine.writeRam(PD + 4n, 4, 0x00c00000n | (0x5n << 13n) | LARGE | ALL);
  assert.equal(machine.translate(0x401123n, READ), (0x5n << 32n) | 0xc01123n);
  machine.set("physicalAddressBits", 52n);
  machine.writeRam(PD + 4n, 4, (1n << 21n) | LARGE | ALL);
  assert.equal(machine.translate(0x401123n, READ), "#PF(9)", "bit 21 is reserved whatever MAXPHYADDR is");
});

test("PAE paging starts at the PDPTE registers, which memory cannot change and which grant no rights", () => {
  const machine = threeLevel();
  assert.equal(machine.translate(0x40201123n, WRITE | USER), 0x6123n);
  assert.equal(machine.get("pdpte1"), PD | 1n);
  assert.equal(machine.translate(0x80201123n, WRITE | USER), "#PF(6)", "a PDPTE register that is not present");
  or(machine, PT, NX);
  assert.equal(machine.translate(0x40201123n, FETCH), "#PF(17)");
  machine.set("efer", 0n);
  assert.equal(machine.translate(0x40201123n, FETCH), "#PF(9)");
});

test("PAE paging reserves bits 62:MAXPHYADDR, also those that 4-level paging ignores", () => {
  for (const table of [PD, PT]) {
    for (const bit of [40n, 51n, 52n, 62n]) {
      const machine = threeLevel();
      or(machine, table, 1n << bit);
      assert.equal(machine.translate(0x40201123n, READ), "#PF(9)", `bit ${bit}`);
    }
  }
  const machine = threeLevel();
  machine.writeRam(PD + 8n, 8, 0x600000n | LARGE | ALL);
  assert.equal(machine.translate(0x40201123n, READ), 0x601123n);
  machine.writeRam(PD + 8n, 8, 0x600000n | (1n << 13n) | LARGE | ALL);
  assert.equal(machine.translate(0x40201123n, READ), "#PF(9)");
});

test("a recursive entry, used at every level, gets its flags once", () => {
  const machine = fourLevel();
  machine.writeRam(PML4 + 8n * 0x100n, 8, PML4 | ALL);
  const self = (0x100n << 39n) | (0x100n << 30n) | (0x100n << 21n) | (0x100n << 12n) | 0xffff000000000000n;
  assert.equal(machine.translate(self, WRITE), PML4);
  assert.equal(machine.readRam(PML4 + 8n * 0x100n, 8), PML4 | ALL | A | D);
});
