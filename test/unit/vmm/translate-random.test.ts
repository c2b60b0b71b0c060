// The vmm's page walk against a second one (paging-model.ts), over random tables, modes and accesses.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../ept/random.ts";
import { MemoryMachine } from "./memory-machine.ts";
import { type Access, model, type Processor } from "./paging-model.ts";

const RAM = 0x10000n;
const TABLES = 100_000;
const ACCESSES = 4;
const WRITE = 2;
const USER = 4;
const FETCH = 16;
const IMPLICIT = 0x100;

type Mode = "none" | "32-bit" | "PAE" | "4-level" | "5-level";
const MODES: readonly Mode[] = ["none", "32-bit", "32-bit", "PAE", "PAE", "4-level", "4-level", "4-level", "5-level"];

function randomProcessor(random: Random, mode: Mode, ram: DataView): Processor {
  const any = (): boolean => random.chance(50);
  return {
    PG: mode !== "none",
    WP: any(),
    PSE: any(),
    PAE: mode !== "32-bit" && (mode !== "none" || any()),
    LA57: mode === "5-level",
    SMEP: any(),
    SMAP: any(),
    LMA: mode === "4-level" || mode === "5-level",
    NXE: any(),
    AC: any(),
    cr3: BigInt(random.below(16)) << 12n,
    pdptes: Array.from({ length: 4 }, () => (BigInt(random.below(16)) << 12n) | (random.chance(85) ? 1n : 0n)),
    maxPhysicalAddressBits: random.pick([32, 36, 36, 39, 40, 46, 52]),
    has1GibPages: random.chance(80),
    read: (address, bytes) => {
      if (address + BigInt(bytes) > RAM) return (1n << BigInt(8 * bytes)) - 1n;
      return bytes === 8 ? ram.getBigUint64(Number(address), true) : BigInt(ram.getUint32(Number(address), true));
    },
  };
}

function load(machine: MemoryMachine, cpu: Processor): void {
  const bits = (...pairs: [boolean, bigint][]): bigint => pairs.reduce((sum, [is, bit]) => (is ? sum | bit : sum), 0n);
  machine.set("cr0", 1n | bits([cpu.PG, 1n << 31n], [cpu.WP, 1n << 16n]));
  const cr4 = bits([cpu.PSE, 16n], [cpu.PAE, 32n], [cpu.LA57, 1n << 12n], [cpu.SMEP, 1n << 20n], [cpu.SMAP, 1n << 21n]);
  machine.set("cr4", cr4);
  machine.set("efer", bits([cpu.LMA, 0x500n], [cpu.NXE, 0x800n]));
  machine.set("rflags", 2n | bits([cpu.AC, 1n << 18n]));
  machine.set("cr3", cpu.cr3);
  cpu.pdptes.forEach((pdpte, i) => machine.set(`pdpte${i}` as "pdpte0", pdpte));
  machine.set("physicalAddressBits", BigInt(cpu.maxPhysicalAddressBits));
  machine.wasm.setHas1GibPages(machine.handle, cpu.has1GibPages ? 1 : 0);
}

/** An entry as an operating system writes it, with now and then a flaw. Half of them grant all and have all flags. */
function randomEntry(random: Random, bytes: 4 | 8): bigint {
  let entry = BigInt(random.below(16)) << 12n;
  if (random.chance(50)) entry |= 0x67n;
  else entry |= BigInt(random.below(256)) | (random.chance(90) ? 1n : 0n);
  if (random.chance(75)) entry &= ~0x80n;
  if (random.chance(8)) entry |= 1n << BigInt(8 + random.below(8 * bytes - 8));
  if (random.chance(5)) entry |= BigInt(random.below(0x10000)) << 16n;
  if (random.chance(2)) entry = BigInt(random.below(2 ** 32)) * (bytes === 8 ? BigInt(random.below(2 ** 32)) : 1n);
  return entry;
}

function randomLinear(random: Random, mode: Mode): bigint {
  const low = BigInt(random.below(2 ** 32));
  if (mode === "none" || mode === "32-bit" || mode === "PAE") return low;
  const width = mode === "4-level" ? 48 : 57;
  return BigInt.asUintN(64, BigInt.asIntN(width, (BigInt(random.below(2 ** 32)) << 32n) | low));
}

/** Fills RAM with few entries a table, so that a walk with the same low index bits finds entries again. */
function randomTables(random: Random, mode: Mode, ram: DataView, linear: bigint, cpu: Processor): void {
  const bytes = mode === "32-bit" ? 4 : 8;
  const shifts = mode === "32-bit" ? [22n, 12n] : [48n, 39n, 30n, 21n, 12n];
  for (let table = 0; table < 16; table++) {
    for (const shift of shifts) {
      const index = Number((linear >> shift) & (bytes === 4 ? 0x3ffn : 0x1ffn));
      const entry = randomEntry(random, bytes);
      const address = table * 0x1000 + index * bytes;
      if (bytes === 4) ram.setUint32(address, Number(BigInt.asUintN(32, entry)), true);
      else ram.setBigUint64(address, large(random, BigInt.asUintN(64, entry), shift, cpu), true);
    }
  }
}

/** Where an entry may map a large page it mostly has the address of one. */
function large(random: Random, entry: bigint, shift: bigint, cpu: Processor): bigint {
  if (shift <= 12n || shift >= 39n || (entry & 0x80n) === 0n || random.chance(10)) return entry;
  const address = (BigInt(random.below(2 ** 20)) << shift) % (1n << BigInt(cpu.maxPhysicalAddressBits));
  return (entry & (0x8000000000000fffn | 0x1000n)) | address;
}

test(`the page walk agrees with a second one over ${TABLES} random tables and ${TABLES * ACCESSES} accesses`, () => {
  const random = new Random(0x5eed);
  const machine = new MemoryMachine({ ramBytes: RAM });
  const ram = new DataView(machine.ram.buffer, 0, Number(RAM));
  const expected = new Uint8Array(Number(RAM));
  const seen = new Map<string, number>();
  for (let round = 0; round < TABLES; round++) {
    const mode = random.pick(MODES);
    const cpu = randomProcessor(random, mode, ram);
    const linear = randomLinear(random, mode);
    randomTables(random, mode, ram, linear, cpu);
    load(machine, cpu);
    expected.set(machine.ram);
    for (let i = 0; i < ACCESSES; i++) {
      const isImplicit = random.chance(20);
      const kind = isImplicit
        ? random.pick(["read", "write"] as const)
        : random.pick(["read", "write", "fetch"] as const);
      const access: Access = { kind, isUser: !isImplicit && random.chance(50), isImplicit };
      const code =
        (access.isUser ? USER : 0) +
        (access.isImplicit ? IMPLICIT : 0) +
        (access.kind === "write" ? WRITE : access.kind === "fetch" ? FETCH : 0);
      const wanted = model(cpu, linear, access);
      const found = machine.translate(linear, code);
      const where = `round ${round}.${i}, ${mode}, ${linear.toString(16)}, ${JSON.stringify(access)}`;
      if (wanted.kind === "fault") {
        assert.equal(found, `#PF(${wanted.errorCode})`, where);
      } else {
        assert.equal(found, wanted.physical, where);
        for (const [address, flags] of wanted.flags) {
          // An entry beyond RAM is all ones and stays so.
          if (address < RAM) expected[Number(address)]! |= Number(flags);
        }
      }
      const outcome = wanted.kind === "fault" ? `${mode} #PF ${wanted.errorCode & ~6}` : `${mode} page`;
      seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
      if (Buffer.compare(machine.ram, expected) !== 0) assert.deepEqual(machine.ram, expected, where);
    }
    machine.ram.fill(0);
  }
  // The tables are such that each way out is taken often: not present, rights, reserved bits, and fetches of each.
  for (const mode of ["32-bit", "PAE", "4-level", "5-level"]) {
    for (const outcome of ["page", "#PF 0", "#PF 1", "#PF 9", "#PF 16", "#PF 17", "#PF 25"]) {
      const count = seen.get(`${mode} ${outcome}`) ?? 0;
      assert.ok(count > 50, `${mode} ${outcome} was seen ${count} times`);
    }
  }
});
