// Holds what counts as a proof that KVM with VMX works.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readProbe } from "../../../tools/emulators/kvm-probe.ts";

const proof = "basalt: probe vmx ok feature-control=0x5 ept=yes unrestricted-guest=yes";

describe("KVM with VMX", () => {
  test("works where Basalt printed that VMXON did", () => {
    const probe = readProbe({ lines: ["basalt: 0.1.0", proof, "basalt: result 0 ok"], summary: "ended" });
    assert.deepEqual(probe, { works: true, detail: proof });
  });

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
