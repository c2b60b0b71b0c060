// Holds what counts as a proof that KVM with VMX works.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isConclusive, readProbe } from "../../../tools/emulators/kvm-probe.ts";

const proof = "basalt: probe vmx ok feature-control=0x5 ept=1 unrestricted-guest=1";

describe("KVM with VMX", () => {
  test("works where Basalt printed that VMXON did", () => {
    const probe = readProbe({ lines: ["basalt: 0.1.0", proof, "basalt: result 0 ok"], summary: "ended" });
    assert.deepEqual(probe, { works: true, detail: proof });
  });

  for (const lacking of ["ept=0 unrestricted-guest=0", "ept=1 unrestricted-guest=0"]) {
    test(`does not work for most guests where the line says ${lacking}, and that is said`, () => {
      const line = `basalt: probe vmx ok feature-control=0x5 ${lacking}`;
      const probe = readProbe({ lines: [line], summary: "ended" });
      assert.deepEqual(probe, { works: false, detail: `${line}; most guests need both EPT and unrestricted guest` });
    });
  }

  for (const [what, lines] of [
    ["the run ended well but without the line", ["basalt: result 0 ok"]],
    ["the line lacks what else Basalt needs", ["basalt: probe vmx ok feature-control=0x5"]],
    ["the line stands inside another", [`echo ${proof}`]],
    ["nothing was printed", []],
  ] as const) {
    test(`does not work where ${what}, and the end of the run says why`, () => {
      const probe = readProbe({ lines, summary: "QEMU was ended by SIGABRT" });
      assert.deepEqual(probe, { works: false, detail: "QEMU was ended by SIGABRT" });
    });
  }
});

describe("the probe's answer is kept", () => {
  for (const [what, end, isKept] of [
    ["where VMXON worked", { ended: "result", exit: "ok" }, true],
    ["where Basalt named what is missing", { ended: "result", exit: "refused" }, true],
    ["not where the machine did not power off in time", { ended: "result", exit: "panic" }, false],
    ["not where the run ran into its limit", { ended: "timeout", exit: "timeout" }, false],
    ["not where QEMU was killed", { ended: "no-result", exit: "panic" }, false],
    ["not where QEMU did not start", { ended: "not-started", exit: "emulator" }, false],
  ] as const) {
    test(what, () => assert.equal(isConclusive(end), isKept));
  }
});
