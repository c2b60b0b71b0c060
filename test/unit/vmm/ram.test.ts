// The bounds of guest RAM, and what a vmm answers at its exports.
import assert from "node:assert/strict";
import { test } from "node:test";
import { vcpuPage } from "../core/machine/tables.ts";
import { loaded, TestVmm } from "./vmm.ts";

const CODE = 0x10000n;
const PAGE_END = 0x11000n;
const MIB = 1n << 20n;

/** The first and the last byte of memory below 3 GiB that is not zero, from `start` on, as far as `end`. */
function written(vmm: TestVmm, start: bigint, end: bigint): boolean {
  return vmm.bytes.subarray(Number(start), Number(end)).some((byte) => byte !== 0);
}

test("no byte at or behind the end of RAM is written, wherever RAM ends", () => {
  for (const ramBytes of [
    0n,
    1n,
    7n,
    0x1000n,
    0x1001n,
    0x3fffn,
    CODE,
    CODE + 1n,
    CODE + 4095n,
    PAGE_END,
    PAGE_END + 1n,
  ]) {
    for (const guest of ["hlt", "count", "fault-assert"]) {
      const vmm = new TestVmm(guest, ramBytes).create();
      try {
        vmm.reset();
      } catch (error) {
        assert.match(String(error), /abort/, "a vmm may refuse such RAM by an assertion, by nothing else");
      }
      assert.ok(!written(vmm, ramBytes, 2n * MIB), `${guest} with ${ramBytes} bytes`);
    }
  }
});

test("RAM that ends with the code page is enough for the guest, page tables included", () => {
  const vmm = loaded("hlt", PAGE_END);
  assert.ok(written(vmm, CODE, CODE + 1n));
  assert.ok(written(vmm, PAGE_END - 5n, PAGE_END));
});

test("a vmm whose RAM is too small for its guest does not pretend to have loaded it", () => {
  for (const ramBytes of [0n, 0x3000n, CODE, PAGE_END - 1n]) {
    const vmm = new TestVmm("hlt", ramBytes).create();
    let answer: number | string;
    try {
      answer = vmm.reset();
    } catch (error) {
      answer = String(error);
    }
    assert.notEqual(answer, vcpuPage("ANSWER_RESUME"), `${ramBytes} bytes`);
  }
});

test("RAM that reaches beyond 3 GiB, where the vmm's own data lies, is refused by an assertion", () => {
  for (const ramBytes of [0xc0000001n, 1n << 32n, 1n << 63n, 0xffffffffffffffffn]) {
    assert.throws(() => new TestVmm("hlt", ramBytes).create(), /guest RAM ends at 3 GiB/);
  }
});

test("the vmm reads its page again at no exit: a guest that changes it in between changes nothing", () => {
  const vmm = loaded("count", 16n * MIB);
  vmm.set("guest", 99n);
  vmm.set("ramBytes", 0xffffffffffffffffn);
  vmm.set("exitKind", BigInt(vcpuPage("EXIT_HYPERCALL")));
  assert.equal(vmm.exit(), vcpuPage("ANSWER_GUEST_ENDED"));
});

test("a hypercall ends the guest, and so does its last HLT, as nothing would wake it; a kind of exit that there is none of is not handled", () => {
  const vmm = loaded("count", 16n * MIB);
  const answer = (kind: number): number => {
    vmm.set("exitKind", BigInt(kind));
    return vmm.exit();
  };
  for (const kind of ["EXIT_HYPERCALL", "EXIT_HALT"]) {
    assert.equal(answer(vcpuPage(kind)), vcpuPage("ANSWER_GUEST_ENDED"), kind);
  }
  for (const kind of [vcpuPage("EXIT_MEMORY_MOVE") + 1, 200, 0x7fffffff, 0xffffffff]) {
    assert.equal(answer(kind), vcpuPage("ANSWER_NOT_HANDLED"), `exit ${kind}`);
  }
});

test("a guest number that the vmm does not know is a trap, not a guest", () => {
  assert.throws(() => loaded("no such guest", 16n * MIB));
});

const traps: readonly (readonly [string, RegExp])[] = [
  ["fault-bounds", /out of bounds/],
  ["fault-unreachable", /unreachable/],
  ["fault-stack", /call stack/],
  ["fault-assert", /abort: .*fault-assert at hv\/vmm\/guests\/faults\.ts/],
];
for (const [guest, pattern] of traps) {
  test(`${guest} traps at its hypercall, not before`, () => {
    const vmm = loaded(guest, 16n * MIB);
    vmm.set("exitKind", BigInt(vcpuPage("EXIT_HYPERCALL")));
    assert.throws(() => vmm.exit(), pattern);
  });
}
