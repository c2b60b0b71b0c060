// SVM is switched on and off: every refusal by its name, and the processor as it was before.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertEnd } from "./assertions.ts";
import { ryzen, tcgMax, type CpuModel } from "./machine/cpu-model.ts";
import { boot, type MachineOptions, type Run } from "./machine/machine.ts";
import { withAsids, withoutSvm, withSvmFeature } from "./machine/svm/features.ts";
import { msr } from "./machine/tables.ts";

const short = "guest=hlt iterations=1";
const SVMDIS = 0x10n;
const LOCK = 0x8n;
const EFER = msr("IA32_EFER").toString(16);
const HSAVE = msr("VM_HSAVE_PA").toString(16);

function bootOn(cpu: CpuModel, options: MachineOptions = {}): Run {
  return boot({ commandLine: short, ...options, cpu });
}

describe("a CPU is refused", () => {
  test("without SVM, before anything of it is read or written", () => {
    const cpu = withoutSvm(ryzen).withMsr("VM_CR", null).withMsr("VM_HSAVE_PA", null);
    const run = bootOn(cpu);
    assertEnd(run, "no-svm", /CPUID\.80000001H:ECX\[2\]/);
    assert.deepEqual(run.machine.trace, []);
  });

  test("that is to execute the script of VMX's instructions", () => {
    assertEnd(bootOn(ryzen, { commandLine: "vmx-script" }), "bad-option", /boot option vmx-script: .*SVM/);
  });

  test("whose firmware disabled SVM for good, or but for its key, and nothing is written", () => {
    const locked = ryzen.withMsr("VM_CR", SVMDIS | LOCK);
    const cases = [
      ["svm-locked-with-key", withSvmFeature(locked, "lock"), /VM_CR is locked at 0x18.*SVM_KEY/],
      ["svm-disabled-by-firmware", withSvmFeature(locked, "lock", false), /VM_CR is locked at 0x18.*nothing unlocks/],
    ] as const;
    for (const [result, cpu, line] of cases) {
      const run = bootOn(cpu);
      assertEnd(run, result, line);
      assert.deepEqual(run.machine.trace, []);
    }
  });

  test("without nested paging, and with no ASID beside the host's", () => {
    assertEnd(bootOn(withSvmFeature(ryzen, "nestedPaging", false)), "no-npt", /CPUID\.8000000AH:EDX\[0\]/);
    for (const count of [0, 1]) {
      assertEnd(bootOn(withAsids(ryzen, count)), "no-asid", new RegExp(`tells ${count} ASIDs`));
    }
  });
});

test("a CPU with two ASIDs is enough, for several VMs too", () => {
  assertEnd(bootOn(withAsids(ryzen, 2), { commandLine: "guest=count+count,hlt iterations=3" }), "ok", /vm2: ended: ok/);
});

test("SVM that firmware disabled and did not lock is enabled, and said so", () => {
  for (const hasLock of [true, false]) {
    const run = bootOn(withSvmFeature(ryzen.withMsr("VM_CR", SVMDIS), "lock", hasLock));
    assertEnd(run, "ok", /VM_CR had SVM disabled \(0x10\)/);
    assert.equal(run.machine.processor.rdmsr(msr("VM_CR")), 0n);
  }
});

test("an unlocked VM_CR and one that is locked with SVM allowed are left alone", () => {
  for (const value of [0n, LOCK]) {
    const run = bootOn(ryzen.withMsr("VM_CR", value));
    assertEnd(run, "ok");
    assert.ok(!run.machine.trace.some((step) => step.startsWith(`WRMSR ${msr("VM_CR").toString(16)} `)));
  }
});

for (const cpu of [ryzen, tcgMax]) {
  test(`on a ${cpu.name} EFER.SVME comes before the host save area and VMSAVE, and goes last`, () => {
    const run = bootOn(cpu);
    assertEnd(run, "ok", /^basalt: SVM is on$/, /^basalt: SVM is off$/);
    const steps = run.machine.trace.filter((step) => new RegExp(`^(WRMSR (${EFER}|${HSAVE}) |VMSAVE)`).test(step));
    const area = /^WRMSR \w+ ([0-9a-f]+)$/.exec(steps[1] ?? "")?.[1];
    assert.ok(area !== undefined && area !== "0", steps.join(", "));
    assert.deepEqual(
      steps.map((step) => step.replace(/^VMSAVE .*$/, "VMSAVE")),
      [`WRMSR ${EFER} 1d00`, `WRMSR ${HSAVE} ${area}`, "VMSAVE", `WRMSR ${HSAVE} 0`, `WRMSR ${EFER} d00`],
    );
    assert.ok(!run.machine.trace.some((step) => step.startsWith("VMX") || step === "VM entry"));
  });
}

test("probe says in one line what this CPU has, and enters no guest", () => {
  for (const [cpu, line] of [
    [ryzen, /^basalt: probe svm ok nested-paging=1 next-rip=1 decode-assists=0 asids=32768$/],
    [tcgMax, /^basalt: probe svm ok nested-paging=1 next-rip=0 decode-assists=0 asids=16$/],
  ] as const) {
    const run = bootOn(cpu, { commandLine: "probe" });
    assertEnd(run, "ok", line);
    assert.ok(!run.machine.trace.includes("VMRUN"));
  }
});
