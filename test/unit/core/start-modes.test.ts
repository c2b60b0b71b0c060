// The state in which a boot module starts: as its loader asks for in the vCPU page.
import assert from "node:assert/strict";
import { bzImage } from "../vmm/linux-images.ts";
import { assertEnd } from "./assertions.ts";
import { vmcall, type Script } from "./machine/exits.ts";
import { boot } from "./machine/machine.ts";
import { field } from "./machine/tables.ts";
import { test } from "./vendors.ts";

const PLACE = 0x2000000n;
const code = Buffer.alloc(0x1000, 0x90);

test("Linux starts in 64-bit mode as its boot protocol asks for, with its GDT, and interrupts off", () => {
  const kernel = bzImage(code);
  const state = new Map<string, bigint>();
  const names = ["RIP", "RSP", "RFLAGS", "CR3", "CR0", "CR4", "IA32_EFER", "GDTR_BASE", "GDTR_LIMIT"];
  const segments = ["ES", "CS", "SS", "DS"].flatMap((name) =>
    ["SELECTOR", "BASE", "LIMIT", "ACCESS_RIGHTS"].map((part) => `${name}_${part}`),
  );
  let descriptors: readonly bigint[] = [];
  let rsi = 0n;
  let is64Bit = false;
  const script: Script = function* (guest) {
    for (const name of [...names, ...segments]) state.set(name, guest.vmcs.read(field(`GUEST_${name}`)));
    descriptors = [0x10n, 0x18n].map((at) => guest.readQuad(state.get("GDTR_BASE")! + at));
    rsi = guest.registers.get("rsi");
    is64Bit = guest.is64Bit;
    yield vmcall;
  };
  const run = boot({
    modules: [{ start: PLACE, bytes: BigInt(kernel.length) }],
    commandLine: "guest=module",
    scripts: [script],
    prepare: (machine) => machine.memory.write(PLACE, kernel),
  });
  assertEnd(run, "ok");
  const get = (name: string): bigint => state.get(name)!;
  assert.ok(is64Bit);
  assert.equal(get("RIP"), 0x200200n);
  assert.equal(get("RFLAGS"), 2n);
  // PE and PG; PAE, and no PCIDs; LME and LMA.
  assert.equal(get("CR0") & 0x80000001n, 0x80000001n);
  assert.equal(get("CR4") & 0x20020n, 0x20n);
  assert.equal(get("IA32_EFER") & 0x500n, 0x500n);
  assert.equal(get("GDTR_LIMIT"), 31n);
  assert.equal(rsi, 0x7000n);
  for (const [name, selector] of [
    ["CS", 0x10n],
    ["DS", 0x18n],
    ["ES", 0x18n],
    ["SS", 0x18n],
  ] as const) {
    assert.equal(get(`${name}_SELECTOR`), selector, name);
    assert.equal(get(`${name}_BASE`), 0n, name);
    assert.equal(get(`${name}_LIMIT`), 0xffffffffn, name);
    // The descriptor's bits 55:40 without limit 19:16 are the access rights.
    const inTable = (descriptors[selector === 0x10n ? 0 : 1]! >> 40n) & 0xf0ffn;
    assert.equal(get(`${name}_ACCESS_RIGHTS`), inTable, name);
  }
});
