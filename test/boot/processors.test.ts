// Boots Basalt on CPU models with and without what it needs: it runs, or says what is missing.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readProbe } from "../../tools/emulators/kvm-probe.ts";
import { assertEnded, boot, onlyLine } from "./support/boot.ts";
import { cpuWithoutSvm, exitLine, svmRefusals } from "./support/places.ts";

describe("Basalt runs in Bochs on", () => {
  // The default, corei7_skylake_x, is what the other tests run on.
  for (const cpu of ["corei7_sandy_bridge_2600k", "corei7_haswell_4770", "corei7_icelake_u", "tigerlake"]) {
    test(cpu, async () => {
      const run = await boot("bochs", "guest=hlt,count iterations=1000", { cpu });
      assertEnded(run, "0 ok", "ok");
      onlyLine(run, /^basalt: vm0: exit 12 HLT: 1000 exits, /);
      onlyLine(run, /^basalt: vm1: exit 10 CPUID: 1000 exits, /);
    });
  }
});

describe("Basalt refuses to start in Bochs with exit code 3 on", () => {
  const refusals: readonly (readonly [cpu: string, result: string, sentence: RegExp])[] = [
    ["athlon64_clawhammer", svmRefusals.noSvm.result, svmRefusals.noSvm.sentence],
    [
      "p4_prescott_celeron_336",
      "21 no-vmx",
      /no VMX: CPUID\.1:ECX\[5\] is 0 \(ECX is 0x[0-9a-f]{8}\); use a CPU with VT-x/,
    ],
    [
      "core2_penryn_t9600",
      "28 no-ept",
      /secondary controls: Basalt needs "Enable EPT" \(bit 1\), which this CPU does not allow/,
    ],
    [
      "corei5_lynnfield_750",
      "29 no-unrestricted-guest",
      /secondary controls: Basalt needs "Unrestricted guest" \(bit 7\), which this CPU does not allow/,
    ],
  ];
  for (const [cpu, result, sentence] of refusals) {
    test(`${cpu}: ${result.replace(/\d+ /, "")}`, async () => {
      const run = await boot("bochs", "", { cpu });
      assertEnded(run, result, "refused");
      onlyLine(run, new RegExp(`^basalt: error: ${sentence.source}`));
    });
  }

  test("a CPU without EPT leaves VMX operation before it ends", async () => {
    onlyLine(await boot("bochs", "", { cpu: "core2_penryn_t9600" }), /^basalt: VMX operation is off$/);
  });
});

describe("in Bochs each guest's own needs decide:", () => {
  test("without EPT mirror and rdtsc run, and the others are refused with no-ept", async () => {
    const append = "guest=mirror,hlt,rdtsc,ept,real iterations=20";
    const run = await boot("bochs", append, { cpu: "core2_penryn_t9600" });
    assertEnded(run, "28 no-ept", "refused");
    onlyLine(run, /^basalt: vm0: guest mirror, in Basalt's own memory, without EPT$/);
    for (const vm of [0, 2]) onlyLine(run, new RegExp(`^basalt: vm${vm}: ended: ok, `));
    for (const [vm, guest] of [
      [1, "hlt"],
      [3, "ept"],
      [4, "real"],
    ]) {
      onlyLine(run, new RegExp(`^basalt: error: vm${vm}: guest ${guest} does not run on this CPU$`));
    }
  });

  test("without unrestricted guest ept runs too, and hlt and real are refused with no-unrestricted-guest", async () => {
    const append = "guest=mirror,rdtsc,ept,hlt,real iterations=20";
    const run = await boot("bochs", append, { cpu: "corei5_lynnfield_750" });
    assertEnded(run, "29 no-unrestricted-guest", "refused");
    onlyLine(run, /^basalt: vm0: guest mirror, in Basalt's own memory, with EPT$/);
    for (const vm of [0, 1, 2]) onlyLine(run, new RegExp(`^basalt: vm${vm}: ended: ok, `));
    for (const [vm, guest] of [
      [3, "hlt"],
      [4, "real"],
    ]) {
      onlyLine(run, new RegExp(`^basalt: error: vm${vm}: guest ${guest} does not run on this CPU$`));
    }
  });

  for (const [cpu, ept, unrestricted] of [
    ["core2_penryn_t9600", 0, 0],
    ["corei5_lynnfield_750", 1, 0],
  ] as const) {
    test(`probe tells what a ${cpu} has`, async () => {
      const run = await boot("bochs", "probe", { cpu });
      assertEnded(run, "0 ok", "ok");
      onlyLine(run, new RegExp(`^basalt: probe vmx ok .* ept=${ept} unrestricted-guest=${unrestricted}$`));
    });
  }
});

test("Basalt runs by SVM on the AMD model of Bochs", async () => {
  const run = await boot("bochs", "guest=hlt,count iterations=1000", { cpu: "amd" });
  assertEnded(run, "0 ok", "ok");
  onlyLine(run, new RegExp(`^basalt: vm0: ${exitLine("amd", "hlt", 1000)}`));
  onlyLine(run, new RegExp(`^basalt: vm1: ${exitLine("amd", "cpuid", 1000)}`));
});

describe("probe tells in TCG what of SVM there is:", () => {
  for (const [what, cpu, paging] of [
    ["nested paging", undefined, 1],
    ["no nested paging", "max,-npt", 0],
  ] as const) {
    test(what, async () => {
      const run = await boot("tcg", "probe", { cpu, media: "kernel" });
      assertEnded(run, "0 ok", "ok");
      onlyLine(run, /^basalt: probe /);
      const { works, vendor } = readProbe(run);
      assert.deepEqual([works, vendor], [paging === 1, "amd"]);
    });
  }
});

describe("Basalt refuses to start in QEMU without KVM with exit code 3:", () => {
  const refusals: readonly (readonly [what: string, cpu: string, result: string, sentence: RegExp])[] = [
    ["a CPU without SVM", cpuWithoutSvm, svmRefusals.noSvm.result, svmRefusals.noSvm.sentence],
    ["a CPU without nested paging", "max,-npt", svmRefusals.noNestedPaging.result, svmRefusals.noNestedPaging.sentence],
    ["an Intel model, whose VMX TCG lacks", "Skylake-Client", "21 no-vmx", /no VMX: CPUID\.1:ECX\[5\] is 0/],
    ["a CPU without long mode", "qemu32", "10 no-long-mode", /this CPU has no long mode .*; Basalt needs a 64-bit CPU/],
    [
      "a CPU without execute-disable",
      "qemu64,-nx",
      "11 no-nx",
      /this CPU has no execute-disable .*; enable it in the firmware/,
    ],
  ];
  for (const [what, cpu, result, sentence] of refusals) {
    test(`${what} ends with ${result.replace(/\d+ /, "")}`, async () => {
      const run = await boot("tcg", "", { cpu, media: "kernel" });
      assertEnded(run, result, "refused");
      onlyLine(run, new RegExp(`^basalt: error: ${sentence.source}`));
    });
  }
});

test("a machine with too little memory for a guest refuses it by the figures and runs those that fit", async () => {
  const run = await boot("bochs", "guest=hlt,touch,hlt iterations=50", { memory: 64 });
  assertEnded(run, "15 too-little-memory", "refused");
  onlyLine(run, /^basalt: vm0: exit 12 HLT: 50 exits, /);
  onlyLine(run, /^basalt: error: vm1: too little memory: \d+ MiB are free; a VM takes 102 MiB of RAM/);
  onlyLine(run, /^basalt: vm2: exit 12 HLT: 50 exits, /);
});
