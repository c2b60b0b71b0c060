// The EPTP: built from what the processor has, and checked against MAXPHYADDR before anyone can write it to a VMCS.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import {
  ACCESSED_AND_DIRTY,
  ALL_CAPABILITIES,
  INVEPT,
  INVEPT_ALL_CONTEXTS,
  INVEPT_SINGLE_CONTEXT,
  Machine,
  TABLES_UC,
  TABLES_WB,
  WALK_LENGTH_4,
} from "./fixture.ts";
import { compileHarness } from "./machine.ts";

describe("the EPT pointer", () => {
  let module: WebAssembly.Module;
  before(async () => {
    module = await compileHarness();
  });

  test("holds the root's address as it is, a walk of 4 levels, WB and accessed and dirty flags", async () => {
    const machine = await Machine.create(module);
    const ept = machine.createEpt();
    assert.equal(ept.pointer & 0xfffn, 0x5en);
    assert.deepEqual(ept.survey(), { pages: [], tables: 1 });
  });

  test("asks for accessed and dirty flags only where the processor has them", async () => {
    const machine = await Machine.create(module, { capabilities: ALL_CAPABILITIES & ~ACCESSED_AND_DIRTY });
    assert.equal(machine.createEpt().pointer & 0xfffn, 0x1en);
  });

  test("asks for UC tables where the processor allows no WB ones", async () => {
    const machine = await Machine.create(module, { capabilities: ALL_CAPABILITIES & ~TABLES_WB });
    assert.equal(machine.createEpt().pointer & 0xfffn, 0x58n);
  });

  const unusable: [string, bigint, string][] = [
    ["WB nor UC tables", TABLES_WB | TABLES_UC, "EPTP_MEMORY_TYPE_UNSUPPORTED"],
    ["a walk of 4 levels", WALK_LENGTH_4, "EPTP_WALK_LENGTH_UNSUPPORTED"],
    ["INVEPT", INVEPT, "INVEPT_UNSUPPORTED"],
    ["an INVEPT type", INVEPT_SINGLE_CONTEXT | INVEPT_ALL_CONTEXTS, "INVEPT_UNSUPPORTED"],
  ];
  for (const [what, missing, status] of unusable) {
    test(`is 0 with ${status} on a processor that does not have ${what}, and no page is kept`, async () => {
      const machine = await Machine.create(module, { capabilities: ALL_CAPABILITIES & ~missing });
      const ept = machine.createEpt();
      assert.equal(ept.status, status);
      assert.equal(machine.name(machine.harness.eptSupport(machine.capabilities)), status);
      assert.equal(ept.pointer, 0n);
      assert.equal(machine.inUse, 0);
      assert.equal(ept.map(0n, 0n, 0x1000n, 7), status);
    });
  }

  test("is 0 where core's memory lies above MAXPHYADDR", async () => {
    const machine = await Machine.create(module, { addressBits: 36, physicalBase: 1n << 36n });
    const ept = machine.createEpt();
    assert.equal(ept.status, "EPTP_ABOVE_MAXPHYADDR");
    assert.equal(ept.pointer, 0n);
  });

  test("of the KVM dump in shared/cases, an address not shifted back, is refused", async () => {
    const machine = await Machine.create(module);
    const check = (eptp: bigint, capabilities: bigint): string =>
      machine.name(machine.harness.checkPointer(eptp, capabilities, 36));
    assert.equal(check(0x3500200005en, ALL_CAPABILITIES), "EPTP_ABOVE_MAXPHYADDR");
    assert.equal(check(0x35002005en, ALL_CAPABILITIES), "MAPPING_OK");
    assert.equal(check(0x35002005en, ALL_CAPABILITIES & ~ACCESSED_AND_DIRTY), "EPTP_ACCESSED_AND_DIRTY_UNSUPPORTED");
    assert.equal(check(0x35002001en, ALL_CAPABILITIES & ~ACCESSED_AND_DIRTY), "MAPPING_OK");
  });

  const broken: [string, bigint, bigint, string][] = [
    ["of the first bit above MAXPHYADDR", (1n << 36n) | 0x1en, ALL_CAPABILITIES, "EPTP_ABOVE_MAXPHYADDR"],
    ["of bit 63", (1n << 63n) | 0x1en, ALL_CAPABILITIES, "EPTP_ABOVE_MAXPHYADDR"],
    ["of bit 7", 0x9en, ALL_CAPABILITIES, "EPTP_RESERVED_BITS_SET"],
    ["of bit 11", 0x81en, ALL_CAPABILITIES, "EPTP_RESERVED_BITS_SET"],
    ["of the memory type WC", 0x19n, ALL_CAPABILITIES, "EPTP_MEMORY_TYPE_UNSUPPORTED"],
    ["of WB tables on a processor without them", 0x1en, ALL_CAPABILITIES & ~TABLES_WB, "EPTP_MEMORY_TYPE_UNSUPPORTED"],
    ["of UC tables on a processor without them", 0x18n, ALL_CAPABILITIES & ~TABLES_UC, "EPTP_MEMORY_TYPE_UNSUPPORTED"],
    ["of a walk of 5 levels", 0x26n, ALL_CAPABILITIES, "EPTP_WALK_LENGTH_UNSUPPORTED"],
    ["of a walk of 3 levels", 0x16n, ALL_CAPABILITIES, "EPTP_WALK_LENGTH_UNSUPPORTED"],
  ];
  for (const [why, eptp, capabilities, status] of broken) {
    test(`is refused with ${status} because ${why}`, async () => {
      const machine = await Machine.create(module);
      assert.equal(machine.name(machine.harness.checkPointer(eptp, capabilities, 36)), status);
    });
  }
});
