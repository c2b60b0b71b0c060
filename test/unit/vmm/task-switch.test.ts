// Task switches between hand-built TSSs (SDM 3A 8.2.1 and 8.3), without paging where a test does not say otherwise.
import assert from "node:assert/strict";
import { test } from "node:test";
import { vcpuPage } from "../core/machine/tables.ts";
import { MemoryMachine } from "./memory-machine.ts";

const LOAD_STATE = vcpuPage("ANSWER_LOAD_STATE");
const FAULT = vcpuPage("ANSWER_FAULT");
const NOT_HANDLED = vcpuPage("ANSWER_NOT_HANDLED");
const NO_EXCEPTION = 0xffffffffn;

const CALL = 0n << 30n;
const IRET = 1n << 30n;
const JMP = 2n << 30n;
const GATE = 3n << 30n;
const EXTERNAL = 1n << 28n;
const ERROR_CODE = 1n << 29n;

const GDT = 0x1000n;
const OLD = 0x2000n;
const NEW = 0x3000n;
const LDT_BASE = 0x4000n;
const NT = 1n << 14n;
const VM = 1n << 17n;
const TS = 8n;
const UNUSABLE = 1 << 16;

// The GDT's selectors.
const CODE0 = 0x08;
const DATA0 = 0x10;
const CODE3 = 0x18;
const DATA3 = 0x20;
const OLD_TSS = 0x28;
const NEW_TSS = 0x30;
const LDT = 0x38;
const ABSENT_DATA = 0x40;
const NEW_TSS_16 = 0x48;
const ABSENT_CODE = 0x50;

function descriptor(base: bigint, limit: bigint, rights: bigint): bigint {
  const low = (limit & 0xffffn) | ((base & 0xffffffn) << 16n) | ((rights & 0xffn) << 40n);
  return low | (((limit >> 16n) & 0xfn) << 48n) | ((rights >> 12n) << 52n) | ((base >> 24n) << 56n);
}

const FLAT = 0xfffffn;
const BIG_4K = 0xc000n;

/** A task that runs at CODE0:0x500, with registers of its own, about to switch to the one at NEW. */
function twoTasks(): MemoryMachine {
  const machine = new MemoryMachine({ ramBytes: 0x20000n });
  const gdt = [
    0n,
    descriptor(0n, FLAT, BIG_4K | 0x9bn),
    descriptor(0n, FLAT, BIG_4K | 0x93n),
    descriptor(0n, FLAT, BIG_4K | 0xfan),
    descriptor(0n, FLAT, BIG_4K | 0xf2n),
    descriptor(OLD, 0x67n, 0x8bn),
    descriptor(NEW, 0x67n, 0x89n),
    descriptor(LDT_BASE, 0xfn, 0x82n),
    descriptor(0n, FLAT, BIG_4K | 0x13n),
    descriptor(NEW, 0x2bn, 0x81n),
    descriptor(0n, FLAT, BIG_4K | 0x1bn),
  ];
  gdt.forEach((entry, i) => machine.writeRam(GDT + 8n * BigInt(i), 8, entry));
  machine.writeRam(LDT_BASE + 8n, 8, descriptor(0x5000n, 0xfffn, 0x4093n));
  machine.set("gdtrBase", GDT);
  machine.set("gdtrLimit", BigInt(gdt.length * 8 - 1));
  machine.set("rip", 0x500n);
  machine.set("rflags", 0x246n);
  machine.setSegment("cs", { base: 0n, limit: 0xffffffff, accessRights: 0xc09b, selector: CODE0 });
  for (const name of ["es", "ss", "ds", "fs", "gs"] as const) {
    machine.setSegment(name, { base: 0n, limit: 0xffffffff, accessRights: 0xc093, selector: DATA0 });
  }
  machine.setSegment("ldtr", { accessRights: UNUSABLE });
  machine.setSegment("tr", { base: OLD, limit: 0x67, accessRights: 0x8b, selector: OLD_TSS });
  REGISTERS.forEach((name, i) => machine.setRegister(name, 0x11110000n + BigInt(i)));

  machine.writeRam(NEW + 0x1cn, 4, 0x9000n);
  machine.writeRam(NEW + 0x20n, 4, 0x700n);
  machine.writeRam(NEW + 0x24n, 4, 0x202n);
  REGISTERS.forEach((_, i) => machine.writeRam(NEW + 0x28n + 4n * BigInt(i), 4, 0x22220000n + BigInt(i)));
  machine.writeRam(NEW + 0x38n, 4, 0x8000n);
  [DATA0, CODE0, DATA0, DATA0, 0, DATA3].forEach((selector, i) => {
    machine.writeRam(NEW + 0x48n + 4n * BigInt(i), 4, BigInt(selector));
  });
  machine.writeRam(NEW + 0x60n, 4, 0n);
  machine.writeRam(NEW + 0x64n, 4, 0x680000n);
  return machine;
}

const REGISTERS = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"] as const;

function setSelector(machine: MemoryMachine, name: "es" | "cs" | "ss" | "ds" | "fs" | "gs", selector: number): void {
  const index = ["es", "cs", "ss", "ds", "fs", "gs"].indexOf(name);
  machine.writeRam(NEW + 0x48n + 4n * BigInt(index), 4, BigInt(selector));
}

function rightsIn(machine: MemoryMachine, selector: number): number {
  return Number(machine.readRam(GDT + BigInt(selector), 8) >> 40n) & 0xff;
}

/** The exception that was told of: vector and error code. */
function exception(machine: MemoryMachine): string {
  const code = machine.pageField("faultErrorCode");
  return `${machine.pageField("faultVector")}(${code === 0xffffffffn ? "" : code.toString(16)})`;
}

test("JMP to a TSS saves one task, loads the other, and moves the busy flag", () => {
  const machine = twoTasks();
  assert.equal(machine.switchTask(JMP | BigInt(NEW_TSS), 7), LOAD_STATE);
  assert.equal(machine.pageField("faultVector"), NO_EXCEPTION);

  assert.equal(machine.readRam(OLD + 0x20n, 4), 0x507n, "EIP of the next instruction");
  assert.equal(machine.readRam(OLD + 0x24n, 4), 0x246n);
  REGISTERS.forEach((name, i) => {
    assert.equal(machine.readRam(OLD + 0x28n + 4n * BigInt(i), 4), 0x11110000n + BigInt(i), name);
  });
  [DATA0, CODE0, DATA0, DATA0, DATA0, DATA0].forEach((selector, i) => {
    assert.equal(machine.readRam(OLD + 0x48n + 4n * BigInt(i), 4), BigInt(selector));
  });
  assert.equal(machine.readRam(OLD + 0x1cn, 4), 0n, "CR3 is not saved");

  assert.equal(machine.get("rip"), 0x700n);
  assert.equal(machine.get("rflags"), 0x202n);
  assert.equal(machine.get("cr0"), 1n | TS);
  assert.equal(machine.get("cr3"), 0n, "without paging CR3 stays");
  assert.equal(machine.get("cpl"), 0n);
  REGISTERS.forEach((name, i) => {
    assert.equal(machine.register(name), name === "rsp" ? 0x8000n : 0x22220000n + BigInt(i), name);
  });
  assert.deepEqual(machine.segment("cs"), { base: 0n, limit: 0xffffffff, accessRights: 0xc09b, selector: CODE0 });
  assert.deepEqual(machine.segment("fs"), { base: 0n, limit: 0, accessRights: UNUSABLE, selector: 0 });
  assert.deepEqual(machine.segment("gs"), { base: 0n, limit: 0xffffffff, accessRights: 0xc0f3, selector: DATA3 });
  assert.deepEqual(machine.segment("tr"), { base: NEW, limit: 0x67, accessRights: 0x8b, selector: NEW_TSS });
  assert.equal(machine.segment("ldtr").accessRights, UNUSABLE);
  assert.equal(rightsIn(machine, OLD_TSS), 0x89);
  assert.equal(rightsIn(machine, NEW_TSS), 0x8b);
  assert.equal(rightsIn(machine, DATA3), 0xf3, "a descriptor that is loaded becomes accessed");
  assert.equal(machine.readRam(NEW, 4), 0n, "no back link");
});

test("CALL nests: the old task stays busy, the back link leads to it, and NT is set; IRET goes back", () => {
  const machine = twoTasks();
  assert.equal(machine.switchTask(CALL | BigInt(NEW_TSS), 7), LOAD_STATE);
  assert.equal(machine.get("rflags"), 0x202n | NT);
  assert.equal(machine.readRam(NEW, 4), BigInt(OLD_TSS));
  assert.equal(rightsIn(machine, OLD_TSS), 0x8b);
  assert.equal(rightsIn(machine, NEW_TSS), 0x8b);

  machine.set("rip", 0x710n);
  assert.equal(machine.switchTask(IRET | BigInt(OLD_TSS), 1), LOAD_STATE);
  assert.equal(machine.get("rip"), 0x507n);
  assert.equal(machine.get("rflags"), 0x246n);
  assert.equal(machine.register("rdi"), 0x11110007n);
  assert.equal(machine.readRam(NEW + 0x20n, 4), 0x711n);
  assert.equal(machine.readRam(NEW + 0x24n, 4), 0x202n, "IRET saves EFLAGS without NT");
  assert.equal(rightsIn(machine, OLD_TSS), 0x8b);
  assert.equal(rightsIn(machine, NEW_TSS), 0x89);
  assert.equal(machine.segment("tr").selector, OLD_TSS);
});

test("an exception by a task gate saves the instruction's own EIP and pushes its error code on the new stack", () => {
  const machine = twoTasks();
  assert.equal(machine.switchTask(GATE | EXTERNAL | ERROR_CODE | (0x1234n << 32n) | BigInt(NEW_TSS), 0), LOAD_STATE);
  assert.equal(machine.pageField("faultVector"), NO_EXCEPTION);
  assert.equal(machine.readRam(OLD + 0x20n, 4), 0x500n);
  assert.equal(machine.register("rsp"), 0x7ffcn);
  assert.equal(machine.readRam(0x7ffc, 4), 0x1234n);
  assert.equal(machine.get("rflags"), 0x202n | NT);
  assert.equal(machine.readRam(NEW, 2), BigInt(OLD_TSS));
});

test("a 16-bit TSS is loaded and saved in its own format", () => {
  const machine = twoTasks();
  machine.ram.fill(0, Number(NEW), Number(NEW) + 0x68);
  machine.writeRam(NEW + 0x0en, 2, 0x600n);
  machine.writeRam(NEW + 0x10n, 2, 0x3202n);
  REGISTERS.forEach((_, i) => machine.writeRam(NEW + 0x12n + 2n * BigInt(i), 2, 0x3300n + BigInt(i)));
  [DATA3 | 3, CODE3 | 3, DATA3 | 3, 0].forEach((selector, i) => {
    machine.writeRam(NEW + 0x22n + 2n * BigInt(i), 2, BigInt(selector));
  });
  assert.equal(machine.switchTask(CALL | BigInt(NEW_TSS_16), 7), LOAD_STATE);
  assert.equal(machine.pageField("faultVector"), NO_EXCEPTION);
  assert.equal(machine.get("rip"), 0x600n);
  assert.equal(machine.get("rflags"), 0x3202n | NT);
  assert.equal(machine.get("cpl"), 3n);
  REGISTERS.forEach((name, i) => {
    assert.equal(machine.register(name) & 0xffffn, 0x3300n + BigInt(i));
  });
  assert.equal(machine.segment("fs").accessRights, UNUSABLE);
  assert.equal(machine.segment("tr").accessRights & 0xf, 3);

  machine.set("rip", 0x602n);
  REGISTERS.forEach((name, i) => {
    machine.setRegister(name, 0x4400n + BigInt(i));
  });
  assert.equal(machine.switchTask(IRET | BigInt(OLD_TSS), 1), LOAD_STATE);
  assert.equal(machine.readRam(NEW + 0x0en, 2), 0x603n);
  assert.equal(machine.readRam(NEW + 0x10n, 2), 0x3202n);
  REGISTERS.forEach((name, i) => {
    assert.equal(machine.readRam(NEW + 0x12n + 2n * BigInt(i), 2), 0x4400n + BigInt(i), name);
  });
  assert.equal(machine.readRam(NEW + 0x24n, 2), BigInt(CODE3 | 3));
  assert.equal(machine.readRam(NEW + 0x2an, 2), 0n);
});

test("a task with VM set runs in virtual-8086 mode with CPL 3", () => {
  const machine = twoTasks();
  machine.writeRam(NEW + 0x24n, 4, VM | 2n);
  setSelector(machine, "cs", 0x1234);
  setSelector(machine, "gs", 0xffff);
  assert.equal(machine.switchTask(JMP | BigInt(NEW_TSS), 7), LOAD_STATE);
  assert.equal(machine.get("cpl"), 3n);
  assert.deepEqual(machine.segment("cs"), { base: 0x12340n, limit: 0xffff, accessRights: 0xf3, selector: 0x1234 });
  assert.deepEqual(machine.segment("gs"), { base: 0xffff0n, limit: 0xffff, accessRights: 0xf3, selector: 0xffff });
});

test("segments of the new task may come from its LDT", () => {
  const machine = twoTasks();
  machine.writeRam(NEW + 0x60n, 4, BigInt(LDT));
  setSelector(machine, "ds", 0x0c);
  assert.equal(machine.switchTask(JMP | BigInt(NEW_TSS), 7), LOAD_STATE);
  assert.equal(machine.pageField("faultVector"), NO_EXCEPTION);
  assert.deepEqual(machine.segment("ldtr"), { base: LDT_BASE, limit: 0xf, accessRights: 0x82, selector: LDT });
  assert.deepEqual(machine.segment("ds"), { base: 0x5000n, limit: 0xfff, accessRights: 0x4093, selector: 0x0c });
});

test("the T flag of the new TSS is a debug exception before its first instruction", () => {
  const machine = twoTasks();
  machine.writeRam(NEW + 0x64n, 4, 0x680001n);
  assert.equal(machine.switchTask(JMP | BigInt(NEW_TSS), 7), LOAD_STATE);
  assert.equal(exception(machine), "1()");
});

for (const [what, change, access, expected] of [
  ["a TSS beyond the GDT's limit", (m) => m.set("gdtrLimit", 0x30n), JMP | BigInt(NEW_TSS), "13(30)"],
  ["on IRET, a TSS beyond it", (m) => m.set("gdtrLimit", 0x30n), IRET | BigInt(NEW_TSS), "10(30)"],
  ["a selector of the LDT", () => undefined, CALL | 0x34n, "13(34)"],
  ["a null selector", () => undefined, CALL | 3n, "13(0)"],
  ["a busy TSS", () => undefined, CALL | BigInt(OLD_TSS), "13(28)"],
  ["on IRET, one that is not busy", () => undefined, IRET | BigInt(NEW_TSS), "10(30)"],
  ["a descriptor of no TSS", () => undefined, CALL | BigInt(CODE0), "13(8)"],
  ["a TSS not present", (m) => m.ram.set([0x09], 0x1035), CALL | BigInt(NEW_TSS), "11(30)"],
  ["a TSS that is too small", (m) => m.ram.set([0x66], 0x1030), CALL | BigInt(NEW_TSS), "10(30)"],
  ["one found by an interrupt", (m) => m.ram.set([0x66], 0x1030), GATE | EXTERNAL | BigInt(NEW_TSS), "10(31)"],
] as [string, (m: MemoryMachine) => unknown, bigint, string][]) {
  test(`${what} is ${expected} in the old task, of which nothing has changed`, () => {
    const machine = twoTasks();
    change(machine);
    const before = machine.ram.slice();
    assert.equal(machine.switchTask(access, 7), FAULT);
    assert.equal(exception(machine), expected);
    assert.deepEqual(machine.ram, before);
    assert.equal(machine.get("rip"), 0x500n);
    assert.equal(machine.segment("tr").selector, OLD_TSS);
  });
}

for (const [what, name, selector, expected] of [
  ["a null CS", "cs", 0, "10(0)"],
  ["a CS that is data", "cs", DATA0, "10(10)"],
  ["a CS whose DPL is not its RPL", "cs", CODE3, "10(18)"],
  ["a CS not present", "cs", ABSENT_CODE, "11(50)"],
  ["a null SS", "ss", 0, "10(0)"],
  ["an SS that is code", "ss", CODE0, "10(8)"],
  ["an SS whose RPL is not CPL", "ss", DATA0 | 3, "10(10)"],
  ["an SS whose DPL is not CPL", "ss", DATA3, "10(20)"],
  ["an SS not present", "ss", ABSENT_DATA, "12(40)"],
  ["a DS not present", "ds", ABSENT_DATA, "11(40)"],
  ["an ES that is a TSS", "es", NEW_TSS, "10(30)"],
  ["a GS beyond the GDT", "gs", 0x58, "10(58)"],
  ["an FS of an LDT that is not there", "fs", 0x0c, "10(c)"],
  ["a DS whose RPL is above its DPL", "ds", DATA0 | 3, "10(10)"],
] as const) {
  test(`${what} is ${expected} in the new task, which is loaded`, () => {
    const machine = twoTasks();
    setSelector(machine, name, selector);
    assert.equal(machine.switchTask(JMP | BigInt(NEW_TSS), 7), LOAD_STATE);
    assert.equal(exception(machine), expected);
    assert.equal(machine.get("rip"), 0x700n);
    assert.equal(machine.segment("tr").selector, NEW_TSS);
    assert.deepEqual(machine.segment(name), { base: 0n, limit: 0, accessRights: UNUSABLE, selector });
  });
}

test("an LDT that is none is #TS in the new task, and an EIP beyond the limit #GP(0)", () => {
  for (const selector of [DATA0, 0x3c, 0x100]) {
    const machine = twoTasks();
    machine.writeRam(NEW + 0x60n, 4, BigInt(selector));
    assert.equal(machine.switchTask(JMP | BigInt(NEW_TSS), 7), LOAD_STATE);
    assert.equal(exception(machine), `10(${selector.toString(16)})`);
  }
  const machine = twoTasks();
  machine.writeRam(GDT + BigInt(CODE0), 8, descriptor(0n, 0x6ffn, 0x409bn));
  assert.equal(machine.switchTask(JMP | BigInt(NEW_TSS), 7), LOAD_STATE);
  assert.equal(exception(machine), "13(0)");
});

/** Paging in 32-bit mode that maps the first 128 KiB to themselves, with the directory at 0x9000 and 0xa000 for the new task. */
function paged(): MemoryMachine {
  const machine = twoTasks();
  for (const [directory, table] of [
    [0x9000n, 0xb000n],
    [0xa000n, 0xc000n],
  ] as const) {
    machine.writeRam(directory, 4, table | 7n);
    for (let page = 0n; page < 32n; page++) machine.writeRam(table + 4n * page, 4, (page << 12n) | 7n);
  }
  machine.set("cr0", 0x80010001n);
  machine.set("cr3", 0x9000n);
  machine.writeRam(NEW + 0x1cn, 4, 0xa000n);
  return machine;
}

test("with paging the new task's CR3 is loaded, and its segments are found by it", () => {
  const machine = paged();
  machine.writeRam(0xc000n + 4n * 1n, 4, 0xd000n | 7n);
  machine.ram.copyWithin(0xd000, 0x1000, 0x1100);
  machine.writeRam(0xd000n + BigInt(DATA0), 8, descriptor(0x7000n, 0xffn, 0x4093n));
  assert.equal(machine.switchTask(JMP | BigInt(NEW_TSS), 7), LOAD_STATE);
  assert.equal(machine.pageField("faultVector"), NO_EXCEPTION);
  assert.equal(machine.get("cr3"), 0xa000n);
  assert.equal(machine.segment("ds").base, 0x7000n);
});

test("a TSS that cannot be read or written is a page fault in the old task, of which nothing has changed", () => {
  for (const [page, entry, access, code, address] of [
    [2n, 0x2001n, JMP, 3n, OLD + 0x20n],
    [3n, 0n, JMP, 0n, NEW + 0x20n],
    [3n, 0x3001n, CALL, 3n, NEW],
  ] as const) {
    const machine = paged();
    machine.writeRam(0xb000n + 4n * page, 4, entry);
    assert.equal(machine.switchTask(access | BigInt(NEW_TSS), 7), FAULT);
    assert.equal(machine.pageField("faultVector"), 14n);
    assert.equal(machine.pageField("faultErrorCode"), code);
    assert.equal(machine.pageField("faultAddress"), address);
    assert.equal(machine.get("rip"), 0x500n);
    assert.equal(machine.readRam(OLD + 0x20n, 4), 0n);
    assert.equal(rightsIn(machine, NEW_TSS), 0x89);
  }
});

test("with PAE paging the PDPTEs of the new CR3 are loaded, and reserved bits in them are #GP(0) before the switch", () => {
  const machine = twoTasks();
  machine.set("cr0", 0x80010001n);
  machine.set("cr4", 0x20n);
  machine.set("pdpte0", 0xb001n);
  machine.writeRam(0xb000, 8, 0xc007n);
  for (let page = 0n; page < 32n; page++) machine.writeRam(0xc000n + 8n * page, 8, (page << 12n) | 7n);
  machine.writeRam(NEW + 0x1cn, 4, 0xd020n);
  machine.writeRam(0xd020, 8, 0xb001n);
  machine.writeRam(0xd028, 8, 0xe001n);
  const bad = 0xe003n;
  machine.writeRam(0xd030, 8, bad);
  assert.equal(machine.switchTask(JMP | BigInt(NEW_TSS), 7), FAULT);
  assert.equal(exception(machine), "13(0)");
  machine.writeRam(0xd030, 8, bad & ~1n);
  assert.equal(machine.switchTask(JMP | BigInt(NEW_TSS), 7), LOAD_STATE);
  assert.equal(machine.pageField("faultVector"), NO_EXCEPTION);
  assert.equal(machine.get("cr3"), 0xd020n);
  assert.equal(machine.get("pdpte1"), 0xe001n);
});

test("a stack that does not take the error code is a fault of the new task", () => {
  const machine = twoTasks();
  machine.writeRam(GDT + BigInt(DATA0), 8, descriptor(0n, 0x7ffn, 0x4093n));
  assert.equal(machine.switchTask(GATE | EXTERNAL | ERROR_CODE | BigInt(NEW_TSS), 0), LOAD_STATE);
  assert.equal(exception(machine), "12(1)");
  assert.equal(machine.register("rsp"), 0x8000n);
});

test("outside protected mode a task switch is not handled, and the reason is told", () => {
  const machine = twoTasks();
  machine.set("efer", 0x500n);
  assert.equal(machine.switchTask(JMP | BigInt(NEW_TSS), 7), NOT_HANDLED);
  assert.match(machine.taskSwitchFailure, /^found a task switch in real-address or IA-32e mode/);
});
