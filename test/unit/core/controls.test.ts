// From what a CPU's capability MSRs allow to the controls in the VMCS.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertEnd, complaints } from "./assertions.ts";
import { skylake, type CpuModel } from "./machine/cpu-model.ts";
import { first, hlt, listed, type Script } from "./machine/exits.ts";
import type { Guest } from "./machine/guest.ts";
import { interpreted } from "./machine/interpreter.ts";
import { boot, type Run } from "./machine/machine.ts";
import { allFields, control, field } from "./machine/tables.ts";
import { vmcsOf, type Vmcs } from "./machine/vmcs.ts";
import { controlIsOn } from "./machine/vm-entry.ts";

const short = "guest=hlt iterations=1";

/** Runs one guest and keeps its VMCS as the first VM entry saw it. */
function runAndKeep(cpu: CpuModel, commandLine = short, exits = listed(hlt)): { run: Run; vmcs: Vmcs } {
  const kept: Vmcs[] = [];
  const script: Script = (guest: Guest) => {
    kept.push(vmcsOf(guest));
    return exits(guest);
  };
  const run = boot({ commandLine, cpu, scripts: [script] });
  assert.ok(kept[0], run.lines.join("\n"));
  return { run, vmcs: kept[0] };
}

const PIN = "PIN_BASED_VM_EXECUTION_CONTROLS";
const PRIMARY = "PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS";
const SECONDARY = "SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS";
const EXIT = "PRIMARY_VM_EXIT_CONTROLS";
const ENTRY = "VM_ENTRY_CONTROLS";

const required = [
  ["PINBASED", "PIN_EXTERNAL_INTERRUPT_EXITING", "External-interrupt exiting"],
  ["PINBASED", "PIN_NMI_EXITING", "NMI exiting"],
  ["PROCBASED", "PRIMARY_HLT_EXITING", "HLT exiting"],
  ["PROCBASED", "PRIMARY_UNCONDITIONAL_IO_EXITING", "Unconditional I/O exiting"],
  ["EXIT", "EXIT_HOST_ADDRESS_SPACE_SIZE", "Host address-space size"],
  ["ENTRY", "ENTRY_IA32E_MODE_GUEST", "IA-32e mode guest"],
] as const;
for (const [word, name, text] of required) {
  test(`a CPU that does not allow "${text}" is refused with the control's name`, () => {
    const run = boot({ commandLine: short, cpu: skylake.denying(word, control(name)) });
    assertEnd(run, "control-unsupported", new RegExp(`error: .*"${text}" \\(bit \\d+\\)`));
    assert.ok(!run.machine.trace.includes("VM entry"));
  });
}

test("a CPU without secondary controls has no EPT and is refused so", () => {
  let cpu = skylake.denying("PROCBASED", control("PRIMARY_ACTIVATE_SECONDARY_CONTROLS"));
  for (const name of ["IA32_VMX_PROCBASED_CTLS2", "IA32_VMX_EPT_VPID_CAP", "IA32_VMX_VMFUNC"]) {
    cpu = cpu.withMsr(name, null);
  }
  assertEnd(boot({ commandLine: short, cpu }), "no-ept", /"Activate secondary controls"/, /"Enable EPT"/);
});

test("a CPU without EPT, or without unrestricted guest, is refused with that result", () => {
  const noEpt = skylake.denying("PROCBASED2", control("SECONDARY_ENABLE_EPT")).withMsr("IA32_VMX_EPT_VPID_CAP", null);
  assertEnd(boot({ commandLine: short, cpu: noEpt }), "no-ept", /"Enable EPT" \(bit 1\)/);
  const restricted = skylake.denying("PROCBASED2", control("SECONDARY_UNRESTRICTED_GUEST"));
  assertEnd(boot({ commandLine: short, cpu: restricted }), "no-unrestricted-guest", /"Unrestricted guest" \(bit 7\)/);
});

test("the TRUE capability MSRs rule where the CPU has them: CR3 accesses need not exit", () => {
  const { vmcs } = runAndKeep(skylake);
  assert.equal(controlIsOn(vmcs, PRIMARY, "PRIMARY_CR3_LOAD_EXITING"), false);
  const older = skylake.withMsr("IA32_VMX_BASIC", skylake.msr("IA32_VMX_BASIC") & ~(1n << 55n));
  const { run, vmcs: olderVmcs } = runAndKeep(older);
  assertEnd(run, "ok");
  assert.equal(controlIsOn(olderVmcs, PRIMARY, "PRIMARY_CR3_LOAD_EXITING"), true);
});

test("on a CPU without the TRUE capability MSRs none of them is read", () => {
  let cpu = skylake.withMsr("IA32_VMX_BASIC", skylake.msr("IA32_VMX_BASIC") & ~(1n << 55n));
  for (const word of ["PINBASED", "PROCBASED", "EXIT", "ENTRY"]) cpu = cpu.withMsr(`IA32_VMX_TRUE_${word}_CTLS`, null);
  assertEnd(boot({ commandLine: short, cpu }), "ok");
});

test("the guest runs with the controls that the architecture demands", () => {
  const { run, vmcs } = runAndKeep(skylake);
  assertEnd(run, "ok");
  assert.deepEqual(complaints(run), []);
  const on = (word: string, ...names: string[]): void => {
    for (const name of names) assert.ok(controlIsOn(vmcs, word, name), name);
  };
  on(PIN, "PIN_EXTERNAL_INTERRUPT_EXITING", "PIN_NMI_EXITING");
  on(PRIMARY, "PRIMARY_HLT_EXITING", "PRIMARY_UNCONDITIONAL_IO_EXITING", "PRIMARY_ACTIVATE_SECONDARY_CONTROLS");
  // CR8 would be the host's TPR: a guest that wrote 15 there would mask the timer that bounds its vmm.
  on(PRIMARY, "PRIMARY_CR8_LOAD_EXITING", "PRIMARY_CR8_STORE_EXITING");
  on(PRIMARY, "PRIMARY_MWAIT_EXITING", "PRIMARY_MONITOR_EXITING");
  // DR7 and IA32_DEBUGCTL would else be lost at every exit.
  on(EXIT, "EXIT_SAVE_DEBUG_CONTROLS");
  on(ENTRY, "ENTRY_LOAD_DEBUG_CONTROLS");
  on(SECONDARY, "SECONDARY_ENABLE_EPT", "SECONDARY_UNRESTRICTED_GUEST", "SECONDARY_ENABLE_VPID");
  on(EXIT, "EXIT_HOST_ADDRESS_SPACE_SIZE", "EXIT_LOAD_IA32_EFER", "EXIT_SAVE_IA32_EFER", "EXIT_LOAD_IA32_PAT");
  on(ENTRY, "ENTRY_IA32E_MODE_GUEST", "ENTRY_LOAD_IA32_EFER", "ENTRY_LOAD_IA32_PAT");
});

test("of a guest's exceptions the machine check exitss, and #DB and #AC, whose delivery can go on for ever, in every kind of VM", () => {
  for (const guest of ["hlt", "real", "ept", "mirror", "rdtsc"]) {
    const { vmcs } = runAndKeep(skylake, `guest=${guest} iterations=1`, interpreted);
    assert.equal(vmcs.read(field("EXCEPTION_BITMAP")), (1n << 18n) | (1n << 17n) | (1n << 1n), guest);
  }
});

test("no field that VM entry reads is left as the CPU found it in memory", () => {
  assert.deepEqual([...runAndKeep(skylake).vmcs.undefinedReads], []);
});

const pairs = [
  ["IA32_PAT", "ENTRY_LOAD_IA32_PAT", "EXIT_LOAD_IA32_PAT", "EXIT_SAVE_IA32_PAT"],
  ["IA32_EFER", "ENTRY_LOAD_IA32_EFER", "EXIT_LOAD_IA32_EFER", "EXIT_SAVE_IA32_EFER"],
] as const;
for (const [name, entry, exit, save] of pairs) {
  test(`where the CPU can load ${name} on VM entry only, or on VM exit only, Basalt warns and does neither`, () => {
    for (const cpu of [skylake.denying("EXIT", control(exit)), skylake.denying("ENTRY", control(entry))]) {
      const { run, vmcs } = runAndKeep(cpu);
      assertEnd(run, "ok", new RegExp(`warning: .*${name}`));
      assert.equal(complaints(run).length, 1);
      assert.equal(controlIsOn(vmcs, ENTRY, entry), false);
      assert.equal(controlIsOn(vmcs, EXIT, exit), false);
      assert.equal(controlIsOn(vmcs, EXIT, save), false, "saving a register that nobody loads is of no use");
    }
  });
}

test("where the CPU can load a register on neither side, there is nothing to warn of", () => {
  const cpu = skylake
    .denying("EXIT", control("EXIT_LOAD_IA32_PAT") | control("EXIT_SAVE_IA32_PAT"))
    .denying("ENTRY", control("ENTRY_LOAD_IA32_PAT"));
  const { run } = runAndKeep(cpu);
  assertEnd(run, "ok");
  assert.deepEqual(complaints(run), []);
});

test("a CPU that denies VPID but describes it is warned of, and used without VPID; strict refuses it", () => {
  const cpu = skylake.denying("PROCBASED2", control("SECONDARY_ENABLE_VPID"));
  const { run, vmcs } = runAndKeep(cpu);
  assertEnd(run, "ok", /warning: .*denies VPID.*IA32_VMX_EPT_VPID_CAP/);
  assert.equal(controlIsOn(vmcs, SECONDARY, "SECONDARY_ENABLE_VPID"), false);
  assert.ok(!run.machine.trace.some((step) => step.startsWith("INVVPID")));
  const strict = boot({ commandLine: `${short} strict`, cpu });
  assertEnd(strict, "inconsistent-capabilities", /error: .*denies VPID/);
  assert.ok(!strict.machine.trace.includes("VM entry"));
});

test("a CPU that denies EPT but describes it is named so, and strict refuses it as inconsistent", () => {
  const cpu = skylake.denying("PROCBASED2", control("SECONDARY_ENABLE_EPT"));
  assertEnd(boot({ commandLine: short, cpu }), "no-ept", /warning: .*denies EPT.*IA32_VMX_EPT_VPID_CAP/);
  const strict = boot({ commandLine: `${short} strict`, cpu });
  assertEnd(strict, "inconsistent-capabilities", /error: .*denies EPT/);
});

test("strict changes nothing on a CPU whose capabilities agree", () => {
  const run = boot({ commandLine: `${short} strict` });
  assertEnd(run, "ok");
  assert.deepEqual(complaints(run), []);
});

test("VPIDs are used where the CPU has them: one a VM, never 0, flushed before the first entry", () => {
  let vpids: bigint[] = [];
  const script: Script = (guest) => {
    vpids.push(guest.vmcs.read(field("VIRTUAL_PROCESSOR_IDENTIFIER")));
    return listed(hlt)(guest);
  };
  // VMs side by side, VMs that follow each other, and one that is made anew, which has the same one again.
  for (const [options, expected] of [
    ["guest=hlt+hlt+hlt", [1n, 2n, 3n]],
    ["guest=hlt,hlt,hlt", [1n, 2n, 3n]],
    ["guest=hlt repeat=3", [1n, 1n, 1n]],
  ] as const) {
    vpids = [];
    const run = boot({ commandLine: `${options} iterations=1`, scripts: [script] });
    assertEnd(run, "ok");
    assert.deepEqual(vpids, expected);
    const steps = run.machine.trace.filter((step) => /^INVVPID|^VM entry/.test(step));
    assert.deepEqual(
      steps,
      expected.flatMap((vpid) => [`INVVPID ${vpid}`, "VM entry"]),
    );
  }
});

test("a CPU without VPID runs guests without it", () => {
  const cpu = skylake
    .denying("PROCBASED2", control("SECONDARY_ENABLE_VPID"))
    .without("IA32_VMX_EPT_VPID_CAP", 0xffffffff00000000n);
  const run = boot({ commandLine: short, cpu });
  assertEnd(run, "ok");
  assert.deepEqual(complaints(run), []);
});

/** What of IA32_VMX_EPT_VPID_CAP a CPU may lack so that its VPID, or its EPT, is of no use (SDM 3D A.10). */
const unusable = {
  vpid: [1n << 32n, (1n << 41n) | (1n << 42n)],
  ept: [
    [1n << 6n, /EPTP_WALK_LENGTH_UNSUPPORTED/],
    [(1n << 8n) | (1n << 14n), /EPTP_MEMORY_TYPE_UNSUPPORTED/],
    [1n << 20n, /INVEPT_UNSUPPORTED/],
    [(1n << 25n) | (1n << 26n), /INVEPT_UNSUPPORTED/],
  ],
} as const;
const without = (bits: bigint): CpuModel => skylake.without("IA32_VMX_EPT_VPID_CAP", bits);

test("where the CPU has VPIDs but no usable INVVPID, every kind of VM runs without VPIDs, and Basalt warns", () => {
  for (const bits of unusable.vpid) {
    for (const guest of ["hlt", "real", "mirror", "rdtsc"]) {
      const { run, vmcs } = runAndKeep(without(bits), `guest=${guest} iterations=1`, interpreted);
      assertEnd(run, "ok", /warning: this CPU allows VPID; Basalt does without it: INVVPID_UNSUPPORTED/);
      assert.equal(complaints(run).length, 1);
      assert.equal(controlIsOn(vmcs, SECONDARY, "SECONDARY_ENABLE_VPID"), false);
      assert.equal(controlIsOn(vmcs, SECONDARY, "SECONDARY_ENABLE_EPT"), true);
      assert.ok(!run.machine.trace.some((step) => step.startsWith("INVVPID")));
    }
  }
});

test("where the CPU has EPT but not what Basalt's takes, guests that mirror the host run without, and Basalt warns", () => {
  for (const [bits, reason] of unusable.ept) {
    for (const guest of ["mirror", "rdtsc"]) {
      const { run, vmcs } = runAndKeep(without(bits), `guest=${guest} iterations=1`, interpreted);
      assertEnd(run, "ok", reason, new RegExp(`vm0: guest ${guest}, in Basalt's own memory, without EPT$`));
      assert.match(complaints(run).join("\n"), /^basalt: warning: this CPU allows EPT; Basalt does without it: .*$/);
      assert.equal(controlIsOn(vmcs, SECONDARY, "SECONDARY_ENABLE_EPT"), false);
      assert.equal(controlIsOn(vmcs, SECONDARY, "SECONDARY_ENABLE_VPID"), true);
      assert.ok(!run.machine.trace.some((step) => step.startsWith("INVEPT")));
    }
  }
});

test("where EPT and VPID are both of no use, mirror runs without secondary controls", () => {
  const { run, vmcs } = runAndKeep(skylake.withMsr("IA32_VMX_EPT_VPID_CAP", 0n), "guest=mirror", interpreted);
  assertEnd(run, "ok", /allows EPT; Basalt does without/, /allows VPID; Basalt does without/);
  assert.equal(vmcs.read(field(SECONDARY)), 0n);
});

test("guests that need EPT are refused where it is of no use, before any VM entry and without a warning", () => {
  for (const [bits, reason] of unusable.ept) {
    for (const guest of ["hlt", "real", "ept"]) {
      const run = boot({ commandLine: `guest=${guest} iterations=1`, cpu: without(bits) });
      assertEnd(run, "ept-unusable", reason);
      assert.equal(complaints(run).length, 1);
      assert.ok(!run.machine.trace.includes("VM entry"));
    }
  }
});

test("with only the all-context INVEPT and INVVPID, these are used", () => {
  const cpu = skylake.without("IA32_VMX_EPT_VPID_CAP", (1n << 25n) | (1n << 41n));
  assertEnd(boot({ commandLine: short, cpu }), "ok");
});

test("INVEPT or INVVPID that fails before an entry ends the VM by its own result, and the guest is not entered", () => {
  for (const [instruction, result] of [
    ["INVEPT", "ept-unusable"],
    ["INVVPID", "vpid-unusable"],
  ] as const) {
    for (const error of [undefined, 28]) {
      const failure = { instruction, execution: 1, ...(error === undefined ? {} : { error }) };
      const run = boot({ commandLine: short, failures: [failure] });
      assertEnd(run, result, error === undefined ? /VMFAIL_INVALID/ : /VMFAIL_VALID/);
      assert.ok(!run.machine.trace.includes("VM entry"));
    }
  }
});

test("the EPTP asks for write-back tables and for accessed and dirty flags only where the CPU has them", () => {
  const eptp = (cpu: CpuModel): bigint => runAndKeep(cpu).vmcs.read(field("EPT_POINTER")) & 0xfffn;
  assert.equal(eptp(skylake), 0x5en);
  assert.equal(eptp(skylake.without("IA32_VMX_EPT_VPID_CAP", 1n << 21n)), 0x1en);
  assert.equal(eptp(skylake.without("IA32_VMX_EPT_VPID_CAP", 1n << 14n)), 0x58n);
});

test("the guest's start state is what the vmm asked for, in 64-bit mode, with CR4.VMXE hidden", () => {
  const { vmcs } = runAndKeep(skylake);
  assert.equal(vmcs.read(field("GUEST_CR3")), 0x1000n);
  assert.equal(vmcs.read(field("GUEST_RSP")), 0x20000n);
  assert.equal(vmcs.read(field("GUEST_IA32_EFER")) & 0x500n, 0x500n);
  const vmxe = 1n << 13n;
  assert.equal(vmcs.read(field("GUEST_CR4")) & vmxe, vmxe);
  assert.equal(vmcs.read(field("CR4_READ_SHADOW")) & vmxe, 0n);
  assert.equal(vmcs.read(field("CR4_GUEST_HOST_MASK")) & vmxe, vmxe);
});

test("every VMCS field that core knows by name is one of the simulated processor's", () => {
  assert.equal(new Set(allFields.map(([, encoding]) => encoding)).size, allFields.length);
  assert.ok(allFields.length > 150);
});

test("a script of exits that core goes beyond fails the test instead of looping", () => {
  assert.throws(
    () => boot({ commandLine: "guest=hlt iterations=3", scripts: [first(hlt, listed(hlt))] }),
    /no more exits/,
  );
});
