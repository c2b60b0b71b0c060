// The simulated processor itself, by figures of the SDM. test/boot/vmx-script.test.ts holds it against Bochs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertEnd } from "./assertions.ts";
import { cpuModel, modelNames, skylake } from "./machine/cpu-model.ts";
import { HostException } from "./machine/faults.ts";
import { boot } from "./machine/machine.ts";
import { PhysicalMemory } from "./machine/physical-memory.ts";
import { Processor } from "./machine/processor.ts";
import { field, msr } from "./machine/tables.ts";
import { Vmx } from "./machine/vmx.ts";

/** VM-instruction errors (SDM 3C 31.4) by step of the script, and what is no error. */
const expected: Readonly<Record<string, string>> = {
  "VMREAD, no VMCS current": "VMfailInvalid",
  "VMLAUNCH, no VMCS current": "VMfailInvalid",
  "VMXON in VMX root operation": "VMfailValid(15)",
  "VMXON in VMX root operation, no VMCS current": "VMfailInvalid",
  "VMCLEAR of a misaligned address": "VMfailValid(2)",
  "VMCLEAR beyond MAXPHYADDR": "VMfailValid(2)",
  "VMCLEAR of the VMXON pointer": "VMfailValid(3)",
  "VMPTRLD of the current VMCS": "VMsucceed",
  "VMPTRLD of a misaligned address": "VMfailValid(9)",
  "VMPTRLD beyond MAXPHYADDR": "VMfailValid(9)",
  "VMPTRLD of the VMXON pointer": "VMfailValid(10)",
  "VMPTRLD with a wrong revision identifier": "VMfailValid(11)",
  "VMREAD of an unknown field": "VMfailValid(12)",
  "VMWRITE of an unknown field": "VMfailValid(12)",
  "VMWRITE of a read-only field": "VMsucceed",
  "VMREAD of a 16-bit field": "VMsucceed, 0xdef0",
  "VMREAD of a 64-bit field": "VMsucceed, 0x765432109abcdef0",
  "INVEPT type 0": "VMfailValid(28)",
  "INVVPID type 1 with VPID 0": "VMfailValid(28)",
  "VMRESUME of a clear VMCS": "VMfailValid(5)",
  "VMLAUNCH with controls of zero": "VMfailValid(7)",
  "VMLAUNCH with a host state of zero": "VMfailValid(8)",
  "VMLAUNCH with a guest state of zero": "VMsucceed, exit reason 0x80000021",
  "VMCS link pointer misaligned":
    "VMsucceed, exit reason 0x80000021 VM-entry failure due to invalid guest state, exit qualification 0x4",
  "an x2APIC register in the entry MSR-load area": "VMsucceed, exit reason 0x80000022",
  VMLAUNCH: "VMsucceed, exit reason 0x30 EPT violation",
  "VMLAUNCH of a launched VMCS": "VMfailValid(4)",
  VMRESUME: "VMsucceed, exit reason 0x30 EPT violation",
  "VMRESUME after VMCLEAR": "VMfailValid(5)",
  "VMREAD after VMCLEAR of the current VMCS": "VMfailInvalid",
};

test("the steps of vmx-script end as the SDM says", () => {
  const run = boot({ commandLine: "vmx-script" });
  assertEnd(run, "ok");
  const outcomes = new Map<string, string>();
  for (const line of run.lines) {
    const [, step, outcome] = /^basalt: script (.+?): (VM.*)$/.exec(line) ?? [];
    if (step && outcome) outcomes.set(step, outcome);
  }
  for (const [step, outcome] of Object.entries(expected)) {
    assert.ok(outcomes.get(step)?.startsWith(outcome), `${step}: ${outcomes.get(step)}, expected ${outcome}`);
  }
});

test("each broken rule of vmx-script breaks the rule of its name, and every rule list has its turn", () => {
  const run = boot({ commandLine: "vmx-script" });
  const rules = new Set(run.machine.entry.brokenRules);
  for (const section of ["27.2.1.1", "27.2.1.2", "27.2.1.3", "27.2.2", "27.2.3", "27.2.4", "27.3.1.1", "27.3.1.2"]) {
    assert.ok(
      [...rules].some((rule) => rule.startsWith(section)),
      section,
    );
  }
  assert.ok(rules.size > 60, `${rules.size} different rules were broken`);
});

for (const name of modelNames) {
  test(`on a ${name} the script runs through`, () => {
    assertEnd(boot({ commandLine: "vmx-script", cpu: cpuModel(name) }), "ok");
  });
}

test("a read-only field is written only where IA32_VMX_MISC[29] allows it", () => {
  const run = boot({ commandLine: "vmx-script", cpu: skylake.without("IA32_VMX_MISC", 1n << 29n) });
  assertEnd(run, "ok", /VMWRITE of a read-only field: VMfailValid\(13\) VMWRITE to read-only VMCS component/);
});

function newVmx(): Vmx {
  const vmx = new Vmx(new Processor(skylake), new PhysicalMemory());
  vmx.memory.write(0x1000n, Uint8Array.of(0x2b));
  vmx.memory.write(0x2000n, Uint8Array.of(0x2b));
  return vmx;
}
const vector = (expected: number) => (error: unknown) => error instanceof HostException && error.vector === expected;

test("VMX instructions outside VMX operation, and VMXON without CR4.VMXE, are #UD", () => {
  const vmx = newVmx();
  assert.throws(() => vmx.vmxon(0x1000n), vector(6));
  assert.throws(() => vmx.vmclear(0x2000n), vector(6));
  assert.throws(() => vmx.vmread(field("GUEST_RIP")), vector(6));
  assert.throws(() => vmx.vmxoff(), vector(6));
});

test("VMXON with IA32_FEATURE_CONTROL unlocked, or CR0 not as fixed, is #GP", () => {
  const vmx = newVmx();
  vmx.processor.writeRegister("CR4", 0x2020n);
  vmx.processor.msrs.set(msr("IA32_FEATURE_CONTROL"), 4n);
  assert.throws(() => vmx.vmxon(0x1000n), vector(13));
  vmx.processor.msrs.set(msr("IA32_FEATURE_CONTROL"), 5n);
  vmx.processor.cr0 &= ~0x20n;
  assert.throws(() => vmx.vmxon(0x1000n), vector(13));
  vmx.processor.cr0 |= 0x20n;
  assert.equal(vmx.vmxon(0x1001n), 1);
  assert.equal(vmx.vmxon(0x3000n), 1, "the region has no revision identifier");
  assert.equal(vmx.vmxon(0x1000n), 0);
  assert.throws(() => vmx.processor.writeRegister("CR4", 0x20n), vector(13));
});

test("VMXOFF before VMCLEAR of a VMCS that is active is noticed", () => {
  const vmx = newVmx();
  vmx.processor.writeRegister("CR4", 0x2020n);
  assert.deepEqual([vmx.vmxon(0x1000n), vmx.vmclear(0x2000n), vmx.vmptrld(0x2000n), vmx.vmxoff()], [0, 0, 0, 0]);
  assert.equal(vmx.misuses.length, 1);
});

test("an MSR that the CPU does not have is #GP, so are writes of read-only and locked ones", () => {
  const processor = new Processor(skylake);
  assert.throws(() => processor.rdmsr(0xbadbad), vector(13));
  assert.throws(() => processor.wrmsr(msr("IA32_VMX_BASIC"), 0n), vector(13));
  assert.throws(() => processor.wrmsr(msr("IA32_FEATURE_CONTROL"), 5n), vector(13));
});
