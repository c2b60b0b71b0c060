// INS and OUTS as the vmm carries them out; the instructions' bytes are nasm's.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { vcpuPage } from "../core/machine/tables.ts";
import { MemoryMachine } from "./memory-machine.ts";

const EMULATED = vcpuPage("ANSWER_EMULATED");
const FAULT = vcpuPage("ANSWER_FAULT");
const RESUME = vcpuPage("ANSWER_RESUME");
const NOT_HANDLED = vcpuPage("ANSWER_NOT_HANDLED");
const RIP = 0x7000n;
const PG = 1n << 31n;
const DF = 1n << 10n;
const TF = 1n << 8n;
/** IO_IS_SINGLE of hv/shared/port-access.ts. */
const IS_SINGLE = 1n << 63n;
const CODE_64 = 0x209b;
const CODE_32 = 0x409b;
const CODE_16 = 0x9b;
const DATA = 0x4093;

function assemble(bits: number, source: string): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "basalt-string-io-"));
  try {
    const file = join(folder, "code.asm");
    writeFileSync(file, `bits ${bits}\n${source}\n`);
    execFileSync("nasm", ["-f", "bin", "-o", join(folder, "code"), file]);
    return readFileSync(join(folder, "code"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A machine about to execute `source` in a mode of 16, 32 or 64 bits, which exits for port 0x1f0. */
function machineAt(bits: 16 | 32 | 64, source: string): MemoryMachine {
  const machine = new MemoryMachine({ ramBytes: 0x30000n });
  const code = assemble(bits, source);
  machine.ram.set(code, Number(RIP));
  machine.set("rip", RIP);
  machine.setSegment("cs", {
    base: 0n,
    limit: 0xffffffff,
    accessRights: { 16: CODE_16, 32: CODE_32, 64: CODE_64 }[bits],
  });
  for (const name of ["es", "ss", "ds", "fs", "gs"] as const) {
    machine.setSegment(name, { base: 0n, limit: 0xffffffff, accessRights: DATA });
  }
  if (bits === 64) {
    machine.set("cr0", 1n | PG);
    machine.set("cr4", 1n << 5n);
    machine.set("efer", 0xd00n);
    machine.set("cr3", 0x1000n);
    machine.writeRam(0x1000, 8, 0x2007n);
    machine.writeRam(0x2000, 8, 0x3007n);
    machine.writeRam(0x3000, 8, 0x4007n);
    for (let page = 0; page < 0x30; page++) machine.writeRam(0x4000 + 8 * page, 8, BigInt(page << 12) | 7n);
  }
  const suffix = /(ins|outs)([bwd])/.exec(source) as unknown as [string, string, "b" | "w" | "d"];
  const size = { b: 0n, w: 1n, d: 3n }[suffix[2]];
  const isIn = suffix[1] === "ins" ? 8n : 0n;
  const isRepeated = source.includes("rep") ? 32n : 0n;
  machine.setPageField("exitKind", BigInt(vcpuPage("EXIT_STRING_PORT")));
  machine.setPageField("access", size | isIn | 16n | isRepeated | (0x1f0n << 16n));
  machine.setPageField("instructionLength", BigInt(code.length));
  machine.setRegister("rdx", 0x1f0n);
  return machine;
}

function run(machine: MemoryMachine): number {
  return machine.wasm.stringIo(machine.handle);
}

/** What a port write is in `accesses`. */
function written(bytes: number, ...values: bigint[]): string[] {
  return values.map((value) => `port write ${bytes} at 0 = ${value.toString(16)}`);
}

for (const [bits, source, length] of [
  [16, "insb", 1],
  [32, "insb", 1],
  [64, "insb", 1],
  [16, "insd", 2],
  [32, "insw", 2],
] as const) {
  test(`${source} in ${bits} bits reads a port once to ES:DI and steps by its size, whatever CX is`, () => {
    const machine = machineAt(bits, source);
    machine.setRegister("rdi", 0x8000n);
    machine.setRegister("rcx", 5n);
    machine.answers.push(0xa1b2c3d4n);
    const bytes = { b: 1, w: 2, d: 4 }[source.at(-1) as "b" | "w" | "d"];
    assert.equal(run(machine), EMULATED);
    assert.equal(machine.pageField("instructionLength"), BigInt(length));
    assert.deepEqual(machine.accesses, [`port read ${bytes} at 0`]);
    assert.equal(machine.readRam(0x8000, 8), BigInt.asUintN(8 * bytes, 0xa1b2c3d4n));
    assert.equal(machine.register("rdi"), 0x8000n + BigInt(bytes));
    assert.equal(machine.register("rcx"), 5n);
  });
}

test("REP OUTSW writes CX words from DS:SI upwards, and leaves CX at 0", () => {
  const machine = machineAt(32, "rep outsw");
  machine.ram.set([1, 2, 3, 4, 5, 6], 0x8000);
  machine.setRegister("rsi", 0x8000n);
  machine.setRegister("rcx", 3n);
  assert.equal(run(machine), EMULATED);
  assert.deepEqual(machine.accesses, written(2, 0x201n, 0x403n, 0x605n));
  assert.equal(machine.register("rsi"), 0x8006n);
  assert.equal(machine.register("rcx"), 0n);
});

test("with DF the address steps downwards", () => {
  const machine = machineAt(64, "rep insd");
  machine.set("rflags", 2n | DF);
  machine.setRegister("rdi", 0x8004n);
  machine.setRegister("rcx", 2n);
  machine.answers.push(0x11111111n, 0x22222222n);
  assert.equal(run(machine), EMULATED);
  assert.equal(machine.readRam(0x8000, 8), 0x1111111122222222n);
  assert.equal(machine.register("rdi"), 0x7ffcn);
});

test("REP with a count of 0 accesses nothing", () => {
  for (const source of ["rep insb", "rep outsd"]) {
    const machine = machineAt(64, source);
    assert.equal(run(machine), EMULATED);
    assert.deepEqual(machine.accesses, []);
  }
});

test("a 16-bit address size counts in CX, wraps DI and SI at 64 KiB, and keeps the registers' upper parts", () => {
  for (const [bits, source] of [
    [16, "rep outsb"],
    [32, "a16 rep outsb"],
  ] as const) {
    const machine = machineAt(bits, source);
    machine.ram[0xffff] = 7;
    machine.ram[0] = 8;
    machine.setRegister("rsi", 0xabcdffffn);
    machine.setRegister("rcx", 0x12340002n);
    assert.equal(run(machine), EMULATED);
    assert.deepEqual(machine.accesses, written(1, 7n, 8n));
    assert.equal(machine.register("rsi"), 0xabcd0001n);
    assert.equal(machine.register("rcx"), 0x12340000n);
  }
});

test("a 32-bit address size in 64-bit mode counts in ECX and clears the registers' upper halves", () => {
  const machine = machineAt(64, "a32 rep insb");
  machine.setRegister("rdi", 0xffffffff_00008000n);
  machine.setRegister("rcx", 0xffffffff_00000002n);
  assert.equal(run(machine), EMULATED);
  assert.equal(machine.accesses.length, 2);
  assert.equal(machine.register("rdi"), 0x8002n);
  assert.equal(machine.register("rcx"), 0n);
});

test("a 32-bit address size in a 16-bit segment is decoded from its prefix", () => {
  const machine = machineAt(16, "a32 outsb");
  machine.ram[0x12345] = 9;
  machine.setRegister("rsi", 0x12345n);
  assert.equal(run(machine), EMULATED);
  assert.deepEqual(machine.accesses, written(1, 9n));
  assert.equal(machine.pageField("instructionLength"), 2n);
});

test("OUTS takes a segment override, of which 64-bit mode knows FS and GS only; INS takes none", () => {
  for (const [bits, override, base] of [
    [32, 0x26, 0x10000n],
    [32, 0x2e, 0x11000n],
    [32, 0x36, 0x12000n],
    [32, 0x3e, 0x13000n],
    [32, 0x64, 0x14000n],
    [32, 0x65, 0x15000n],
    [64, 0x26, 0n],
    [64, 0x2e, 0n],
    [64, 0x64, 0x14000n],
    [64, 0x65, 0x15000n],
  ] as const) {
    for (const [source, register] of [
      ["outsb", "rsi"],
      ["insb", "rdi"],
    ] as const) {
      const machine = machineAt(bits, `db 0x${override.toString(16)}\n${source}`);
      // CS comes last: with a base of its own the instruction lies elsewhere.
      for (const [name, at] of [
        ["es", 0x10000n],
        ["ss", 0x12000n],
        ["ds", 0x13000n],
        ["fs", 0x14000n],
        ["gs", 0x15000n],
        ["cs", 0x11000n],
      ] as const) {
        machine.setSegment(name, { base: at });
      }
      if (bits === 32) machine.ram.copyWithin(0x11000 + Number(RIP), Number(RIP), Number(RIP) + 4);
      machine.setRegister(register, 0x9000n);
      machine.ram[Number(base) + 0x9000] = 0x5a;
      machine.answers.push(0xa5n);
      assert.equal(run(machine), EMULATED, `${bits} ${override.toString(16)} ${source}`);
      if (source === "outsb") assert.deepEqual(machine.accesses, written(1, 0x5an), `${bits} ${override.toString(16)}`);
      else assert.equal(machine.ram[bits === 32 ? 0x19000 : 0x9000], 0xa5, `${bits} ${override.toString(16)}`);
    }
  }
});

test("a fault in the middle leaves the registers at the iteration that faults, and the port unread", () => {
  const machine = machineAt(64, "rep insw");
  machine.writeRam(0x4000 + 8 * 9, 8, 0n);
  machine.setRegister("rdi", 0x8ffbn);
  machine.setRegister("rcx", 10n);
  machine.answers.push(0x1111n, 0x2222n, 0x3333n);
  assert.equal(run(machine), FAULT);
  assert.equal(machine.accesses.length, 2);
  assert.equal(machine.register("rdi"), 0x8fffn);
  assert.equal(machine.register("rcx"), 8n);
  assert.equal(machine.pageField("faultVector"), 14n);
  assert.equal(machine.pageField("faultErrorCode"), 2n);
  assert.equal(machine.pageField("faultAddress"), 0x9000n);
  assert.equal(machine.ram[0x8fff], 0, "of the operand that crosses nothing is written");
  machine.writeRam(0x4000 + 8 * 9, 8, 0x9007n);
  assert.equal(run(machine), EMULATED);
  assert.equal(machine.readRam(0x8ffb, 4), 0x22221111n);
  assert.equal(machine.readRam(0x8fff, 2), 0x3333n);
  assert.equal(machine.register("rcx"), 0n);
});

test("a limit ends REP OUTS with #GP(0), or #SS(0) by way of SS", () => {
  for (const [source, segment, vector] of [
    ["rep outsb", "ds", 13n],
    ["ss rep outsb", "ss", 12n],
  ] as const) {
    const machine = machineAt(32, source);
    machine.setSegment(segment, { limit: 0x8001 });
    machine.setRegister("rsi", 0x8000n);
    machine.setRegister("rcx", 9n);
    assert.equal(run(machine), FAULT);
    assert.equal(machine.pageField("faultVector"), vector);
    assert.equal(machine.pageField("faultErrorCode"), 0n);
    assert.equal(machine.register("rsi"), 0x8002n);
    assert.equal(machine.register("rcx"), 7n);
    assert.equal(machine.accesses.length, 2);
  }
});

test("one exit carries out 64 iterations at most, and the rest follows", () => {
  const machine = machineAt(64, "rep outsb");
  machine.setRegister("rsi", 0x8000n);
  machine.setRegister("rcx", 150n);
  assert.equal(run(machine), RESUME);
  assert.equal(machine.accesses.length, 64);
  assert.equal(machine.register("rcx"), 86n);
  assert.equal(machine.register("rsi"), 0x8040n);
  assert.equal(run(machine), RESUME);
  assert.equal(run(machine), EMULATED);
  assert.equal(machine.accesses.length, 150);
  assert.equal(machine.register("rsi"), 0x8000n + 150n);
});

test("with TF, or where a breakpoint is on the port, one exit carries out one iteration", () => {
  for (const [rflags, single] of [
    [2n | TF, 0n],
    [2n, IS_SINGLE],
  ] as const) {
    const machine = machineAt(64, "rep outsb");
    machine.set("rflags", rflags);
    machine.setPageField("access", machine.pageField("access") | single);
    machine.setRegister("rsi", 0x8000n);
    machine.setRegister("rcx", 2n);
    assert.equal(run(machine), RESUME);
    assert.deepEqual([machine.accesses.length, machine.register("rcx")], [1, 1n]);
    assert.equal(run(machine), EMULATED);
    assert.deepEqual([machine.accesses.length, machine.register("rcx")], [2, 0n]);
  }
});

test("a last iteration that ends at the bound is done, not resumed", () => {
  const machine = machineAt(64, "rep outsb");
  machine.setRegister("rcx", 64n);
  assert.equal(run(machine), EMULATED);
});

test("every prefix that hardware skips is skipped, and counts for the length", () => {
  const machine = machineAt(64, "db 0x3e, 0x66, 0xf2, 0x67, 0x4f\noutsb");
  machine.setPageField("instructionLength", 0n);
  machine.ram[0x8000] = 3;
  // F2 repeats as F3 does.
  machine.setRegister("rcx", 1n);
  machine.setRegister("rsi", 0xffff0000_00008000n);
  assert.equal(run(machine), EMULATED);
  assert.equal(machine.pageField("instructionLength"), 6n);
  assert.deepEqual(machine.accesses, written(1, 3n));
});

test("bytes that are not the instruction that exited stop the guest with the bytes and the position", () => {
  const machine = machineAt(64, "outsb");
  for (const bytes of [[0x90], [0x6c], [0x6f], [0x66, 0x6f]]) {
    machine.ram.fill(0, Number(RIP), Number(RIP) + 16);
    machine.ram.set(bytes, Number(RIP));
    assert.equal(run(machine), NOT_HANDLED);
    const shown = bytes.map((byte) => byte.toString(16)).join(" ");
    assert.match(machine.stringIoFailure, new RegExp(`^cannot decode: bytes ${shown}.* at RIP 0x7000`));
  }
  machine.ram.set([0x6e], Number(RIP));
  machine.setRegister("rdx", 0x1f1n);
  assert.equal(run(machine), NOT_HANDLED, "another port");
  assert.deepEqual(machine.accesses, []);
});

test("an instruction of more than 15 bytes, which the guest wrote over the one that exited, is #GP(0)", () => {
  const machine = machineAt(64, "outsb");
  machine.ram.fill(0x66, Number(RIP), Number(RIP) + 16);
  assert.equal(run(machine), FAULT);
  assert.equal(machine.pageField("faultVector"), 13n);
  assert.equal(machine.pageField("faultErrorCode"), 0n);
  assert.deepEqual(machine.accesses, []);
});

test("where the instruction cannot be fetched any more, that is the fault", () => {
  const machine = machineAt(64, "outsb");
  machine.writeRam(0x4000 + 8 * 7, 8, 0n);
  assert.equal(run(machine), FAULT);
  assert.equal(machine.pageField("faultVector"), 14n);
  assert.equal(machine.pageField("faultErrorCode"), 16n);
  assert.equal(machine.pageField("faultAddress"), RIP);
});
