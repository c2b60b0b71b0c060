// Where `--on` and `--cpu` have Basalt run, by what a machine has.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { choosePlace, onNames, refuseImpossible, type On } from "../../../tools/emulators/choice.ts";
import type { PlaceName } from "../../../tools/emulators/machine.ts";
import type { Vendor } from "../../../tools/emulators/vendor.ts";

/** A machine by whose KVM it has, and with or without QEMU. */
const machines = {
  "an Intel machine with KVM": { kvm: "intel", qemu: true },
  "an AMD machine with KVM": { kvm: "amd", qemu: true },
  "a machine without KVM": { kvm: null, qemu: true },
  "a machine without QEMU": { kvm: null, qemu: false },
} as const satisfies Record<string, { kvm: Vendor | null; qemu: boolean }>;
type MachineName = keyof typeof machines;

type Outcome = PlaceName | "bochs ryzen" | RegExp;
const intel = "an Intel machine with KVM";
const amd = "an AMD machine with KVM";
const bare = "a machine without KVM";
const poor = "a machine without QEMU";

/** What `--on` and `--cpu` come to on each machine: a place with its default CPU or the one named, or a refusal. */
const expected: readonly (readonly [on: On, cpu: string | undefined, outcomes: Record<MachineName, Outcome>])[] = [
  ["auto", undefined, { [intel]: "kvm", [amd]: "kvm", [bare]: "tcg", [poor]: "bochs" }],
  ["auto", "intel", { [intel]: "kvm", [amd]: "bochs", [bare]: "bochs", [poor]: "bochs" }],
  ["auto", "amd", { [intel]: "tcg", [amd]: "kvm", [bare]: "tcg", [poor]: "bochs ryzen" }],
  ["kvm", "intel", { [intel]: "kvm", [amd]: /VMX does not/, [bare]: /VMX does not/, [poor]: /VMX does not/ }],
  ["kvm", "amd", { [intel]: /SVM does not/, [amd]: "kvm", [bare]: /SVM does not/, [poor]: /SVM does not/ }],
  ["bochs", "intel", { [intel]: "bochs", [amd]: "bochs", [bare]: "bochs", [poor]: "bochs" }],
  ["bochs", "amd", { [intel]: "bochs ryzen", [amd]: "bochs ryzen", [bare]: "bochs ryzen", [poor]: "bochs ryzen" }],
  ["tcg", "intel", { [intel]: /no VMX/, [amd]: /no VMX/, [bare]: /no VMX/, [poor]: /no VMX/ }],
  ["tcg", "amd", { [intel]: "tcg", [amd]: "tcg", [bare]: "tcg", [poor]: "tcg" }],
  ["nested", "intel", { [intel]: "nested", [amd]: "nested", [bare]: "nested", [poor]: "nested" }],
  ["nested", "amd", { [intel]: /KVM with VMX/, [amd]: /KVM with VMX/, [bare]: /KVM with VMX/, [poor]: /KVM with VMX/ }],
];

function choose(on: On, cpu: string | undefined, machine: MachineName): ReturnType<typeof choosePlace> {
  const { kvm, qemu } = machines[machine];
  return choosePlace(on, cpu, { kvm: () => Promise.resolve(kvm), hasQemu: () => qemu });
}

for (const [on, cpu, outcomes] of expected) {
  describe(`--on ${on}${cpu === undefined ? "" : ` --cpu ${cpu}`}`, () => {
    for (const machine of Object.keys(machines) as MachineName[]) {
      const outcome = outcomes[machine];
      test(`on ${machine}: ${outcome instanceof RegExp ? "refused" : outcome}`, async () => {
        if (outcome instanceof RegExp) {
          await assert.rejects(choose(on, cpu, machine), { exit: "usage", message: outcome });
          return;
        }
        const place = outcome === "bochs ryzen" ? { on: "bochs", cpu: "ryzen" } : { on: outcome, cpu: undefined };
        assert.deepEqual(await choose(on, cpu, machine), place);
      });
    }
  });
}

test("a --cpu that is no vendor is passed on, wherever it runs", async () => {
  for (const on of onNames) {
    const place = await choose(on, "corei7_haswell_4770", bare);
    assert.deepEqual(place, { on: on === "auto" ? "tcg" : on, cpu: "corei7_haswell_4770" });
  }
});

test("a place that is named is taken without asking for KVM", async () => {
  const here = { kvm: () => assert.fail("KVM was probed"), hasQemu: () => false };
  for (const on of ["kvm", "bochs", "nested", "tcg"] as const) {
    assert.deepEqual(await choosePlace(on, undefined, here), { on, cpu: undefined });
  }
});

test("what goes together on no machine is refused at once, and nothing else is", () => {
  for (const [on, cpu, outcomes] of expected) {
    const refuse = (): void => refuseImpossible(on, cpu);
    if (Object.values(outcomes).every((outcome) => outcome instanceof RegExp)) assert.throws(refuse, { exit: "usage" });
    else assert.doesNotThrow(refuse);
  }
});
