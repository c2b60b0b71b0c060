// Segments, page crossings, devices and instruction bytes: what an access of the guest's instructions meets.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryMachine, type SegmentName } from "./memory-machine.ts";

const RAM = 0x10000n;
const DEVICE = 0xfe000000n;
const PG = 1n << 31n;
const WP = 1n << 16n;
const AM = 1n << 18n;
const AC = 1n << 18n;
const VM = 1n << 17n;
const PAE = 1n << 5n;
const LA57 = 1n << 12n;
const LONG_MODE = 0xd00n;

// Access rights as in hv/x86/segments.ts: present, code or data, the type; L and D/B.
const DATA = 0x93;
const READ_ONLY = 0x91;
const EXPAND_DOWN = 0x97;
const CODE = 0x9b;
const EXECUTE_ONLY = 0x99;
const CODE_64 = CODE | (1 << 13);
const BIG = 1 << 14;
const UNUSABLE = 1 << 16;

const GP = "13(0)";
const SS = "12(0)";

function protectedMode(): MemoryMachine {
  const machine = new MemoryMachine({ ramBytes: RAM, device: { address: DEVICE, bytes: 0x2000n } });
  machine.setSegment("cs", { base: 0n, limit: 0xffffffff, accessRights: CODE | BIG });
  for (const name of ["es", "ss", "ds", "fs", "gs"] as const) {
    machine.setSegment(name, { base: 0n, limit: 0xffffffff, accessRights: DATA | BIG });
  }
  return machine;
}

/**
 * 64-bit mode with a page table at 0x4000 for linear 0 to 2 MiB: pages 0 to 15 are themselves, page 16 and 17 the device,
 * page 18 is absent, page 19 is read-only, page 20 is RAM page 9, and all are users'.
 */
function longMode(): MemoryMachine {
  const machine = protectedMode();
  machine.set("cr0", 1n | PG | WP);
  machine.set("cr4", PAE);
  machine.set("efer", LONG_MODE);
  machine.set("cr3", 0x1000n);
  machine.setSegment("cs", { accessRights: CODE_64 });
  machine.writeRam(0x1000, 8, 0x2007n);
  machine.writeRam(0x2000, 8, 0x3007n);
  machine.writeRam(0x3000, 8, 0x4007n);
  for (let page = 0; page < 16; page++) machine.writeRam(0x4000 + 8 * page, 8, BigInt(page << 12) | 7n);
  machine.writeRam(0x4000 + 8 * 16, 8, DEVICE | 7n);
  machine.writeRam(0x4000 + 8 * 17, 8, (DEVICE + 0x1000n) | 7n);
  machine.writeRam(0x4000 + 8 * 19, 8, 0x8005n);
  machine.writeRam(0x4000 + 8 * 20, 8, 0x9007n);
  return machine;
}

test("an operand of each size is read and written in RAM", () => {
  const machine = longMode();
  machine.writeRam(0x8000, 8, 0x8877665544332211n);
  assert.equal(machine.read(0x8000n, 1), 0x11n);
  assert.equal(machine.read(0x8001n, 2), 0x3322n);
  assert.equal(machine.read(0x8000n, 4), 0x44332211n);
  assert.equal(machine.read(0x8000n, 8), 0x8877665544332211n);
  for (const [bytes, after] of [
    [1, 0x8877665544332ff0n],
    [2, 0x887766554433fff0n],
    [4, 0x88776655fffffff0n],
    [8, 0xfffffffffffffff0n],
  ] as const) {
    assert.equal(machine.write(0x8000n, bytes, bytes === 1 ? 0xf0n : 0xfffffffffffffff0n), "ok");
    if (bytes > 1) assert.equal(machine.readRam(0x8000, 8), after);
  }
});

test("the last bytes of RAM are read, and none beyond", () => {
  const machine = protectedMode();
  machine.writeRam(0xfff8, 8, 0x0102030405060708n);
  assert.equal(machine.read(0xffffn, 1), 1n);
  assert.equal(machine.read(0xfffcn, 4), 0x01020304n);
  assert.equal(machine.read(0xfffen, 4), 0xffff0102n, "beyond is a bus without a device");
  assert.equal(machine.write(0xfffen, 4, 0xa1a2a3a4n), "ok");
  assert.equal(machine.readRam(0xfffe, 2), 0xa3a4n);
});

test("an operand that crosses into another page is put together from both", () => {
  const machine = longMode();
  machine.ram.set([1, 2, 3], 0xfffd);
  machine.answers.push(0x07060504n, 0x08n);
  assert.equal(machine.read(0xfffdn, 8), 0x0807060504030201n);
  assert.deepEqual(machine.accesses, ["read 4 at 0", "read 1 at 4"]);
  assert.equal(machine.write(0xfffen, 4, 0xd4d3d2d1n), "ok");
  assert.equal(machine.readRam(0xfffe, 2), 0xd2d1n);
  assert.equal(machine.accesses[2], "write 2 at 0 = d4d3");
});

test("a device is accessed by aligned pieces of 1, 2, 4 and 8 bytes", () => {
  const machine = longMode();
  machine.write(0x10000n, 8, 0x8877665544332211n);
  machine.write(0x10001n, 4, 0x44332211n);
  machine.write(0x10006n, 8, 0x8877665544332211n);
  machine.read(0x10002n, 4);
  assert.deepEqual(machine.accesses, [
    "write 8 at 0 = 8877665544332211",
    "write 1 at 1 = 11",
    "write 2 at 2 = 3322",
    "write 1 at 4 = 44",
    "write 2 at 6 = 2211",
    "write 4 at 8 = 66554433",
    "write 2 at c = 8877",
    "read 2 at 2",
    "read 2 at 4",
  ]);
});

test("of an operand whose second page faults nothing is written, and the fault is at that page's start", () => {
  const machine = longMode();
  assert.equal(machine.write(0x11ffen, 4, 0n), "14(2) at 12000");
  assert.deepEqual(machine.accesses, []);
  assert.equal(machine.write(0x12ffen, 4, 0n), "14(2) at 12ffe", "the first page's fault comes first");
  assert.equal(machine.write(0x13ffen, 4, 0n), "14(3) at 13ffe");
  machine.set("cpl", 3n);
  assert.equal(machine.read(0x11fffn, 2), "14(4) at 12000");
  assert.equal(machine.outcome(machine.wasm.checkWrite(machine.handle, 0x11fffn, 2)), "14(6) at 12000");
  assert.equal(machine.outcome(machine.wasm.readImplicitly(machine.handle, 0x12000n, 8)), "14(0) at 12000");
});

test("a check for writing sets the dirty flag and writes nothing", () => {
  const machine = longMode();
  machine.writeRam(0x8000, 8, 0x1234n);
  assert.equal(machine.outcome(machine.wasm.checkWrite(machine.handle, 0x8000n, 8)), "ok");
  assert.equal(machine.readRam(0x8000, 8), 0x1234n);
  assert.equal(machine.readRam(0x4000 + 8 * 8, 8) & 0x60n, 0x60n);
});

test("in 64-bit mode a base counts for FS and GS only, and no limit and no type do", () => {
  const machine = longMode();
  for (const name of ["es", "cs", "ss", "ds", "fs", "gs"] as const) {
    machine.setSegment(name, { base: 0x1000n, limit: 0, accessRights: name === "cs" ? CODE_64 : UNUSABLE });
    const base = name === "fs" || name === "gs" ? 0x1000n : 0n;
    assert.equal(machine.toLinear(name, 0x7fff_00000000n, 8, true), 0x7fff_00000000n + base, name);
  }
});

test("an address that is not canonical is #SS(0) in the stack segment and #GP(0) in others, by all of its bytes", () => {
  const machine = longMode();
  const bad: [SegmentName, string][] = [
    ["ss", SS],
    ["ds", GP],
    ["gs", GP],
  ];
  for (const [name, fault] of bad) {
    assert.equal(machine.toLinear(name, 0x8000_00000000n, 1, false), fault);
    assert.equal(machine.toLinear(name, 0x7fff_fffffff9n, 8, false), fault);
    assert.equal(machine.toLinear(name, 0xffff7fff_ffffffffn, 1, false), fault);
    assert.equal(machine.toLinear(name, 0x7fff_fffffff8n, 8, false), 0x7fff_fffffff8n);
    assert.equal(machine.toLinear(name, 0xffff8000_00000000n, 8, false), 0xffff8000_00000000n);
  }
  machine.set("cr4", PAE | LA57);
  assert.equal(machine.toLinear("ds", 0x8000_00000000n, 1, false), 0x8000_00000000n);
  assert.equal(machine.toLinear("ds", 0x1000000_00000000n, 1, false), GP);
});

test("an expand-up segment ends with its limit, by all of the operand's bytes", () => {
  const machine = protectedMode();
  machine.setSegment("ds", { base: 0x2000n, limit: 0x7fff });
  machine.setSegment("ss", { base: 0n, limit: 0x7fff });
  assert.equal(machine.toLinear("ds", 0x7ffcn, 4, true), 0x9ffcn);
  assert.equal(machine.toLinear("ds", 0x7ffdn, 4, true), GP);
  assert.equal(machine.toLinear("ss", 0x7ffdn, 4, false), SS);
  assert.equal(machine.toLinear("es", 0xfffffffdn, 4, true), GP, "no operand wraps round 4 GiB");
});

test("an expand-down segment begins behind its limit and ends at 64 KiB or 4 GiB by its B flag", () => {
  const machine = protectedMode();
  machine.setSegment("ds", { limit: 0x7fff, accessRights: EXPAND_DOWN });
  assert.equal(machine.toLinear("ds", 0x7fffn, 1, true), GP);
  assert.equal(machine.toLinear("ds", 0x8000n, 1, true), 0x8000n);
  assert.equal(machine.toLinear("ds", 0xfffcn, 4, true), 0xfffcn);
  assert.equal(machine.toLinear("ds", 0xfffdn, 4, true), GP);
  machine.setSegment("ds", { accessRights: EXPAND_DOWN | BIG });
  assert.equal(machine.toLinear("ds", 0xfffffffcn, 4, true), 0xfffffffcn);
  assert.equal(machine.toLinear("ds", 0xfffffffdn, 4, true), GP);
});

test("read-only data and code are not written, and execute-only code is not read", () => {
  const machine = protectedMode();
  machine.setSegment("ds", { accessRights: READ_ONLY | BIG });
  machine.setSegment("es", { accessRights: EXECUTE_ONLY | BIG });
  assert.equal(machine.toLinear("ds", 0n, 4, false), 0n);
  assert.equal(machine.toLinear("ds", 0n, 4, true), GP);
  assert.equal(machine.toLinear("cs", 0n, 4, false), 0n);
  assert.equal(machine.toLinear("cs", 0n, 4, true), GP);
  assert.equal(machine.toLinear("es", 0n, 4, false), GP);
});

test("a segment that holds a null selector is not used", () => {
  const machine = protectedMode();
  machine.setSegment("ds", { accessRights: UNUSABLE | DATA });
  machine.setSegment("ss", { accessRights: UNUSABLE | DATA });
  assert.equal(machine.toLinear("ds", 0n, 1, false), GP);
  assert.equal(machine.toLinear("ss", 0n, 1, false), SS);
});

test("in real-address mode the limit counts, no type does, and exceptions have no error code", () => {
  const machine = protectedMode();
  machine.set("cr0", 0n);
  machine.setSegment("cs", { base: 0xffff0n, limit: 0xffff, accessRights: CODE });
  assert.equal(machine.toLinear("cs", 0xfffen, 2, true), 0x10ffeen);
  assert.equal(machine.toLinear("cs", 0xffffn, 2, true), "13()");
  machine.setSegment("ss", { base: 0n, limit: 0xffff, accessRights: DATA });
  assert.equal(machine.toLinear("ss", 0xffffn, 2, true), "12()");
});

test("in virtual-8086 mode no type counts, and exceptions have their error code", () => {
  const machine = protectedMode();
  machine.set("rflags", 2n | VM);
  machine.set("cpl", 3n);
  machine.setSegment("cs", { base: 0x1000n, limit: 0xffff, accessRights: 0xfb });
  assert.equal(machine.toLinear("cs", 0x10n, 2, true), 0x1010n);
  assert.equal(machine.toLinear("cs", 0xffffn, 2, true), GP);
});

test("outside 64-bit mode base and offset wrap round 4 GiB", () => {
  const machine = protectedMode();
  machine.setSegment("ds", { base: 0xfffff000n });
  assert.equal(machine.toLinear("ds", 0x2000n, 4, false), 0x1000n);
  machine.ram.set([0x33, 0x44], 0);
  assert.equal(machine.read(0xfffffffen, 4), 0x4433ffffn, "and so does an operand");
});

test("an operand that is not aligned is #AC(0) for users only, with CR0.AM and RFLAGS.AC", () => {
  const machine = longMode();
  machine.set("cr0", 1n | PG | WP | AM);
  machine.set("rflags", 2n | AC);
  assert.equal(machine.toLinear("ds", 0x8001n, 2, false), 0x8001n);
  machine.set("cpl", 3n);
  assert.equal(machine.toLinear("ds", 0x8001n, 2, false), "17(0)");
  assert.equal(machine.toLinear("ds", 0x8004n, 8, true), "17(0)");
  assert.equal(machine.toLinear("ds", 0x8001n, 1, true), 0x8001n);
  assert.equal(machine.toLinear("ds", 0x8008n, 8, true), 0x8008n);
  machine.set("rflags", 2n);
  assert.equal(machine.toLinear("ds", 0x8001n, 2, false), 0x8001n);
});

const CODE_BYTES = Uint8Array.from({ length: 15 }, (_, i) => 0x90 + i);

test("fifteen bytes of an instruction are fetched, from one page or from two", () => {
  const machine = longMode();
  for (const rip of [0x8000n, 0x8ff0n, 0x8ff1n, 0x8ffan]) {
    machine.ram.set(CODE_BYTES, Number(rip));
    machine.set("rip", rip);
    assert.deepEqual(machine.fetch(), { bytes: CODE_BYTES, behind: "ok" });
  }
  machine.set("rip", 0x7ff8n);
  machine.writeRam(0x4000 + 8 * 8, 8, 0x9007n);
  machine.ram.set(CODE_BYTES.subarray(0, 8), 0x7ff8);
  machine.ram.set(CODE_BYTES.subarray(8), 0x9000);
  assert.deepEqual(machine.fetch(), { bytes: CODE_BYTES, behind: "ok" }, "the second page lies elsewhere");
});

test("where the second page cannot be fetched, the bytes of the first are there, and the fault that comes behind", () => {
  const machine = longMode();
  machine.writeRam(0x4000 + 8 * 9, 8, 0x9007n | (1n << 63n));
  machine.ram.set(CODE_BYTES, 0x8ffa);
  machine.set("rip", 0x8ffan);
  assert.deepEqual(machine.fetch(), { bytes: CODE_BYTES.slice(0, 6), behind: "14(11) at 9000" });
  machine.set("rip", 0x9000n);
  assert.deepEqual(machine.fetch(), { bytes: new Uint8Array(), behind: "14(11) at 9000" });
});

test("instructions that a device holds are fetched byte by byte", () => {
  const machine = longMode();
  machine.answers.push(...Array.from(CODE_BYTES, BigInt));
  machine.set("rip", 0x10004n);
  assert.deepEqual(machine.fetch(), { bytes: CODE_BYTES, behind: "ok" });
  assert.equal(machine.accesses[14], "read 1 at 12");
});

test("a fetch that leaves the canonical addresses is #GP(0) behind the last byte", () => {
  const machine = longMode();
  machine.writeRam(0x1000 + 8 * 255, 8, 0x2007n);
  machine.writeRam(0x2000 + 8 * 511, 8, 0x3007n);
  machine.writeRam(0x3000 + 8 * 511, 8, 0x4007n);
  machine.writeRam(0x4000 + 8 * 511, 8, 0x9007n);
  machine.ram.set([1, 2, 3], 0x9ffd);
  machine.set("rip", 0x7fff_fffffffdn);
  assert.deepEqual(machine.fetch(), { bytes: Uint8Array.of(1, 2, 3), behind: GP });
  machine.set("rip", 0x8000_00000000n);
  assert.deepEqual(machine.fetch(), { bytes: new Uint8Array(), behind: GP });
});

test("outside 64-bit mode the limit of CS ends the instruction's bytes with #GP(0), and its base counts", () => {
  const machine = protectedMode();
  machine.ram.set(CODE_BYTES, 0x8100);
  machine.setSegment("cs", { base: 0x8000n, limit: 0x104 });
  machine.set("rip", 0x100n);
  assert.deepEqual(machine.fetch(), { bytes: CODE_BYTES.slice(0, 5), behind: GP });
  machine.setSegment("cs", { limit: 0x10e });
  assert.deepEqual(machine.fetch(), { bytes: CODE_BYTES, behind: "ok" });
  machine.setSegment("cs", { limit: 0xff });
  assert.deepEqual(machine.fetch(), { bytes: new Uint8Array(), behind: GP });
});
