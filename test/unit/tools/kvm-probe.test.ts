// Holds what counts as a proof that KVM with VMX or SVM works.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { describeProbe } from "../../../tools/commands/probe.ts";
import { isConclusive, readProbe } from "../../../tools/emulators/kvm-probe.ts";

const vmx = "basalt: probe vmx ok feature-control=0x5 ept=1 unrestricted-guest=1";
const svm = "basalt: probe svm ok nested-paging=1 next-rip=0 decode-assists=1 asids=16";

for (const [extension, vendor, proof, lackings] of [
  [
    "VMX",
    "intel",
    vmx,
    [
      [vmx.replace("ept=1", "ept=0"), "most guests need both EPT and unrestricted guest"],
      [vmx.replace("guest=1", "guest=0"), "most guests need both EPT and unrestricted guest"],
    ],
  ],
  ["SVM", "amd", svm, [[svm.replace("paging=1", "paging=0"), "guests need nested paging"]]],
] as const) {
  describe(`KVM with ${extension}`, () => {
    test("works where Basalt printed that it could switch it on", () => {
      const probe = readProbe({ lines: ["basalt: 0.1.0", proof, "basalt: result 0 ok"], summary: "ended" });
      assert.deepEqual(probe, { works: true, vendor, detail: proof });
      assert.equal(describeProbe(probe), `KVM with ${extension} works here: ${proof}`);
    });

    for (const [line, why] of lackings) {
      test(`does not work for guests where Basalt printed ${line.slice("basalt: ".length)}, and that is said`, () => {
        const probe = readProbe({ lines: [line], summary: "ended" });
        assert.deepEqual(probe, { works: false, vendor, detail: `${line}; ${why}` });
      });
    }
  });
}

describe("KVM with neither", () => {
  for (const [what, lines] of [
    ["the run ended well but without the line", ["basalt: result 0 ok"]],
    ["the line lacks what else Basalt needs", ["basalt: probe vmx ok feature-control=0x5"]],
    ["the line of SVM lacks it", ["basalt: probe svm ok nested-paging=1"]],
    ["the line stands inside another", [`echo ${vmx}`]],
    ["nothing was printed", []],
  ] as const) {
    test(`does not work where ${what}, and the end of the run says why`, () => {
      const probe = readProbe({ lines, summary: "QEMU was ended by SIGABRT" });
      assert.deepEqual(probe, { works: false, vendor: null, detail: "QEMU was ended by SIGABRT" });
      assert.equal(describeProbe(probe), "KVM with VMX or SVM does not work here: QEMU was ended by SIGABRT");
    });
  }
});

describe("the probe's answer is kept", () => {
  for (const [what, end, isKept] of [
    ["where VMX or SVM worked", { ended: "result", exit: "ok" }, true],
    ["where Basalt named what is missing", { ended: "result", exit: "refused" }, true],
    ["not where the machine did not power off in time", { ended: "result", exit: "panic" }, false],
    ["not where the run ran into its limit", { ended: "timeout", exit: "timeout" }, false],
    ["not where QEMU was killed", { ended: "no-result", exit: "panic" }, false],
    ["not where QEMU did not start", { ended: "not-started", exit: "emulator" }, false],
  ] as const) {
    test(what, () => assert.equal(isConclusive(end), isKept));
  }
});
