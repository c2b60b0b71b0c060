// Task switches as QEMU's CPU makes them and as the vmm does, one after the other from the same memory.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { vcpuPage } from "../core/machine/tables.ts";
import { MemoryMachine, SEGMENT_NAMES } from "./memory-machine.ts";

const SOURCE = fileURLToPath(new URL("task-switch-judge.asm", import.meta.url));
const REGION = 0x200000;
const REGION_BYTES = 0x1000;
const RECORD_BYTES = 76 + REGION_BYTES;
const REGISTERS = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"] as const;
/** isa-debug-exit turns the value v into (v << 1) | 1. */
const QEMU_EXIT = (0x10 << 1) | 1;

interface Record {
  rip: bigint;
  instructionLength: number;
  registers: bigint[];
  flags: bigint;
  selectors: number[];
  region: Uint8Array;
}

/** What task-switch-judge.asm tells: the start, and the state after each switch. */
function judged(): Record[] {
  const folder = mkdtempSync(join(tmpdir(), "basalt-task-switch-"));
  try {
    const kernel = join(folder, "kernel");
    const output = join(folder, "output");
    execFileSync("nasm", ["-f", "bin", "-o", kernel, SOURCE]);
    const machine = ["-accel", "tcg", "-nodefaults", "-display", "none", "-no-reboot", "-kernel", kernel];
    const devices = ["-debugcon", `file:${output}`, "-device", "isa-debug-exit,iobase=0xf4,iosize=4"];
    const qemu = spawnSync("qemu-system-x86_64", [...machine, ...devices], { timeout: 30_000, encoding: "utf8" });
    assert.equal(qemu.status, QEMU_EXIT, `QEMU ended with ${qemu.status ?? qemu.signal}: ${qemu.stderr}`);
    const bytes = readFileSync(output);
    return Array.from({ length: bytes.length / RECORD_BYTES }, (_, i) => recordAt(bytes, i * RECORD_BYTES));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function recordAt(bytes: Buffer, start: number): Record {
  const word = (index: number): number => bytes.readUInt32LE(start + 4 * index);
  return {
    rip: BigInt(word(0)),
    instructionLength: word(1),
    registers: REGISTERS.map((_, i) => BigInt(word(2 + i))),
    flags: BigInt(word(10)),
    // A selector's upper half is not written.
    selectors: SEGMENT_NAMES.map((_, i) => word(11 + i) & 0xffff),
    region: bytes.subarray(start + 76, start + RECORD_BYTES),
  };
}

const GATE = (3n << 30n) | (1n << 28n) | (1n << 29n) | (0xfff0n << 32n);

/** The switches in their order: what exits, EFLAGS before, and whether the new TSS has 16 bits. */
const SWITCHES: readonly { name: string; access: bigint; flags: bigint; is16Bit?: boolean }[] = [
  { name: "CALL", access: 0x30n, flags: 0x246n },
  { name: "IRET from a CALL", access: (1n << 30n) | 0x28n, flags: 0x4202n },
  { name: "JMP", access: (2n << 30n) | 0x30n, flags: 0x8d7n },
  { name: "JMP back", access: (2n << 30n) | 0x28n, flags: 0x47n },
  { name: "CALL to a 16-bit TSS with CPL 3", access: 0x38n, flags: 0x203n, is16Bit: true },
  { name: "IRET from a 16-bit TSS with CPL 3", access: (1n << 30n) | 0x28n, flags: 0x7283n },
  // A fault's EFLAGS come with RF where a CPU asks for the switch; QEMU's does not set it.
  { name: "#GP by a task gate", access: GATE | 0x40n, flags: 0x246n },
];

test("seven task switches leave registers, descriptors and TSSs as QEMU's CPU leaves them", { timeout: 60_000 }, () => {
  const [start, ...records] = judged();
  assert.ok(start !== undefined);
  assert.equal(records.length, SWITCHES.length);
  const machine = new MemoryMachine({ ramBytes: 0x210000n });
  machine.ram.set(start.region, REGION);
  machine.set("gdtrBase", BigInt(REGION));
  machine.set("gdtrLimit", 79n);
  for (const [i, name] of SEGMENT_NAMES.entries()) {
    const limit = 0xffffffff;
    machine.setSegment(name, { base: 0n, limit, accessRights: 0xc093, selector: start.selectors[i]! });
  }
  machine.setSegment("cs", { accessRights: 0xc09b });
  machine.setSegment("gs", { accessRights: 0xc0f3 });
  machine.setSegment("ldtr", { accessRights: 0x10000 });
  machine.setSegment("tr", { base: BigInt(REGION) + 0x200n, limit: 0x67, accessRights: 0x8b });

  for (const [i, { name, access, flags, is16Bit = false }] of SWITCHES.entries()) {
    const record = records[i]!;
    machine.set("rip", record.rip);
    machine.set("rflags", flags);
    for (const [n, register] of REGISTERS.entries()) machine.setRegister(register, BigInt((i + 1) * 0x01010000 + n));
    assert.equal(machine.switchTask(access, record.instructionLength), vcpuPage("ANSWER_LOAD_STATE"), name);
    assert.equal(machine.pageField("faultVector"), 0xffffffffn, name);
    // What the upper halves of registers hold after a 16-bit TSS is not defined.
    const mask = is16Bit ? 0xffffn : 0xffffffffn;
    assert.deepEqual(
      REGISTERS.map((register) => (machine.register(register) & mask).toString(16)),
      record.registers.map((value) => (value & mask).toString(16)),
      name,
    );
    assert.equal(machine.get("rflags").toString(16), record.flags.toString(16), name);
    assert.deepEqual(
      SEGMENT_NAMES.map((segment) => machine.segment(segment).selector),
      record.selectors,
      name,
    );
    const region = machine.ram.subarray(REGION, REGION + REGION_BYTES);
    const differences = Array.from(record.region.entries())
      .filter(([at, byte]) => region[at] !== byte)
      .map(([at, byte]) => `${at.toString(16)}: QEMU ${byte.toString(16)}, vmm ${region[at]?.toString(16)}`);
    assert.deepEqual(differences, [], name);
  }
});
