// Into VMX operation and out of it: every refusal by its name, and the processor as it was before.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertEnd, assertNoLine, complaints } from "./assertions.ts";
import { cpuModel, modelNames, skylake } from "./machine/cpu-model.ts";
import { boot, type Machine } from "./machine/machine.ts";
import { msr } from "./machine/tables.ts";

const short = "guest=hlt iterations=1";
const FEATURE_CONTROL = msr("IA32_FEATURE_CONTROL");

function setFeatureControl(value: bigint): (machine: Machine) => void {
  return (machine) => void machine.processor.msrs.set(FEATURE_CONTROL, value);
}

test("a CPU of another vendor is refused by its name", () => {
  const other = skylake.withLeaf(0, [0xd, 0x746e6543, 0x736c7561, 0x48727561]);
  const run = boot({ commandLine: short, cpu: other });
  assertEnd(run, "not-intel", /"CentaurHauls"/);
  assert.deepEqual(run.machine.trace, []);
});

test("a vendor of unprintable letters cannot disturb the console", () => {
  const run = boot({ commandLine: short, cpu: skylake.withLeaf(0, [0xd, 0x0a1b5b33, 0x41414141, 0x07070707]) });
  assertEnd(run, "not-intel", /"3\[\?\?\?\?\?\?AAAA"/);
});

test("a CPU without VMX is refused before any VMX capability MSR is read", () => {
  const [eax, ebx, ecx, edx] = skylake.leaf(1);
  let cpu = skylake.withLeaf(1, [eax, ebx, (ecx & ~0x20) >>> 0, edx]);
  for (const name of ["IA32_VMX_BASIC", "IA32_VMX_MISC"]) cpu = cpu.withMsr(name, null);
  assertEnd(boot({ commandLine: short, cpu }), "no-vmx", /CPUID\.1:ECX\[5\]/);
});

test("VMX that firmware locked off is refused with what to do, and nothing is written", () => {
  for (const value of [1n, 3n]) {
    const run = boot({ commandLine: short, prepare: setFeatureControl(value) });
    assertEnd(run, "vmx-disabled-by-firmware", /IA32_FEATURE_CONTROL/);
    assert.deepEqual(run.machine.trace, []);
  }
});

test("an IA32_FEATURE_CONTROL that firmware left unlocked gets VMX enabled and is locked, other bits stay", () => {
  for (const [before, after] of [
    [0n, 5n],
    [4n, 5n],
    [0x20000n, 0x20005n],
  ] as const) {
    const run = boot({ commandLine: short, prepare: setFeatureControl(before) });
    assertEnd(run, "ok", /unlocked/);
    assert.equal(run.machine.processor.msrs.get(FEATURE_CONTROL), after);
  }
});

test("an IA32_FEATURE_CONTROL that is locked with VMX enabled is not written", () => {
  const run = boot({ commandLine: short });
  assertEnd(run, "ok");
  assert.ok(!run.machine.trace.some((step) => step.startsWith(`WRMSR ${FEATURE_CONTROL.toString(16)} `)));
});

test("VMX regions that do not fit a page, or need uncacheable memory, are refused", () => {
  const basic = skylake.msr("IA32_VMX_BASIC");
  const sized = (bytes: bigint): bigint => (basic & ~(0x1fffn << 32n)) | (bytes << 32n);
  for (const value of [sized(0n), sized(4097n), sized(0x1fffn), basic & ~(0xfn << 50n)]) {
    const run = boot({ commandLine: short, cpu: skylake.withMsr("IA32_VMX_BASIC", value) });
    assertEnd(run, "unusable-vmx-regions", /IA32_VMX_BASIC/);
  }
  for (const bytes of [1n, 4096n]) {
    assertEnd(boot({ commandLine: short, cpu: skylake.withMsr("IA32_VMX_BASIC", sized(bytes)) }), "ok");
  }
});

test("bits of CR0 and CR4 that VMX operation fixes to 0 though they are in use are refused by register and bits", () => {
  const withoutPae = skylake.without("IA32_VMX_CR4_FIXED1", 1n << 5n);
  assertEnd(boot({ commandLine: short, cpu: withoutPae }), "cr-bits-unsupported", /CR4 .* 0x20 /);
  const withoutWp = skylake.without("IA32_VMX_CR0_FIXED1", 1n << 16n);
  const run = boot({ commandLine: short, cpu: withoutWp });
  assertEnd(run, "cr-bits-unsupported", /CR0 .* 0x10000 /);
  assert.deepEqual(run.machine.trace, [], "neither register is written");
});

test("bits of CR0 and CR4 that VMX operation fixes to 1 are set for it, and cleared behind it", () => {
  const cpu = skylake.withMsr("IA32_VMX_CR4_FIXED0", 0x2040n).withMsr("IA32_VMX_CR0_FIXED0", 0x80000021n);
  const run = boot({ commandLine: short, cpu, prepare: ({ processor }) => void (processor.cr0 &= ~0x20n) });
  assertEnd(run, "ok");
  assert.ok(run.machine.trace.includes("MOV CR4 42060"));
  assert.ok(run.machine.trace.includes("MOV CR0 80010033"));
  assert.equal(run.machine.processor.cr4, 0x20n);
  assert.equal(run.machine.processor.cr0, 0x80010013n);
});

test("CR0 and CR4 are right before VMXON, and restored only after VMXOFF", () => {
  const { trace } = boot({ commandLine: short }).machine;
  assert.deepEqual(
    trace.filter((step) => !step.startsWith("WRMSR")).map((step) => step.replace(/ [0-9a-f]+$/, "")),
    [
      ...["MOV CR0", "MOV CR4", "VMXON"],
      // CR4.OSXSAVE, while there are VMs.
      ...["MOV CR4", "VMCLEAR", "VMPTRLD", "VMPTRLD", "INVEPT", "INVVPID", "VM entry", "VMCLEAR", "MOV CR4"],
      ...["VMXOFF", "MOV CR4", "MOV CR0"],
    ],
  );
});

test("VMXON that ends in VMfailInvalid is told apart from one that ends in VMfailValid", () => {
  const invalid = boot({ commandLine: short, failures: [{ instruction: "VMXON", execution: 1 }] });
  assertEnd(invalid, "vmxon-failed", /VMXON.*VMfailInvalid/);
  assertNoLine(invalid, /VMfailValid/);

  // Firmware left the processor in VMX root operation with a VMCS of its own current.
  const left = boot({
    commandLine: short,
    prepare: ({ vmx, processor }) => {
      processor.cr4 |= 1n << 13n;
      processor.isInVmxOperation = true;
      vmx.isOn = true;
      vmx.vmxonPointer = 0x9000n;
      vmx.memory.write(0xa000n, Uint8Array.of(0x2b, 0, 0, 0));
      vmx.vmptrld(0xa000n);
    },
  });
  assert.equal(left.name, "vmxon-failed", left.lines.join("\n"));
  assert.match(complaints(left).join("\n"), /VMXON.*VMfailValid.* 15: VMXON executed in VMX root operation/);
});

test("VMXON is VMfailInvalid where the region lies beyond the CPU's physical addresses", () => {
  const narrow = skylake.withLeaf(0x80000008, [0x3014, 0, 0, 0]);
  assertEnd(boot({ commandLine: short, cpu: narrow, acpi: null }), "vmxon-failed", /VMXON.*VMfailInvalid/);
});

test("VMXOFF that fails is the run's result", () => {
  const run = boot({ commandLine: short, failures: [{ instruction: "VMXOFF", execution: 1, error: 23 }] });
  assert.equal(run.name, "vmxoff-failed");
  assert.match(complaints(run).join("\n"), /VMXOFF.*VMfailValid.* 23/);
  assert.equal(boot({ commandLine: short, failures: [{ instruction: "VMXOFF", execution: 1 }] }).name, "vmxoff-failed");
});

const endsByModel: Readonly<Record<(typeof modelNames)[number], string>> = {
  core2_penryn_t9600: "no-ept",
  corei5_lynnfield_750: "no-unrestricted-guest",
  corei7_sandy_bridge_2600k: "ok",
  corei7_skylake_x: "ok",
  corei7_icelake_u: "ok",
};
for (const name of modelNames) {
  test(`a ${name} ends with ${endsByModel[name]}, out of VMX operation`, () => {
    assertEnd(boot({ commandLine: short, cpu: cpuModel(name) }), endsByModel[name]);
  });
}

test("probe says in one line, in VMX operation, what this CPU has", () => {
  const run = boot({ commandLine: "probe" });
  assertEnd(run, "ok", /^basalt: probe vmx ok feature-control=0x5 ept=1 unrestricted-guest=1$/);
  assert.ok(run.machine.trace.some((step) => step.startsWith("VMXON")));
  assert.ok(!run.machine.trace.includes("VM entry"));
});
