// The control MSRs are put together again from the words of vmxcap.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CPUS, findCpu, type CapabilitySet } from "../../../../tools/doctor/capabilities/cpus.ts";
import { assertRefused, read, valuesOf } from "./reading.ts";
import { printVmxcap } from "./vmxcap-printer.ts";

function set(name: string): CapabilitySet {
  const found = findCpu(name);
  if (typeof found === "string") assert.fail(found);
  return found;
}

const CONTROLS = [
  "IA32_VMX_BASIC",
  "IA32_VMX_MISC",
  "IA32_VMX_EPT_VPID_CAP",
  "IA32_VMX_PINBASED_CTLS",
  "IA32_VMX_TRUE_PINBASED_CTLS",
  "IA32_VMX_PROCBASED_CTLS",
  "IA32_VMX_TRUE_PROCBASED_CTLS",
  "IA32_VMX_PROCBASED_CTLS2",
  "IA32_VMX_EXIT_CTLS",
  "IA32_VMX_TRUE_EXIT_CTLS",
  "IA32_VMX_ENTRY_CTLS",
  "IA32_VMX_TRUE_ENTRY_CTLS",
];

describe("vmxcap's output", () => {
  it("gives back every control MSR of Sandy Bridge and Westmere, all of whose bits it names", () => {
    for (const name of ["sandybridge", "westmere"]) {
      const { values } = set(name);
      const expected = Object.fromEntries(CONTROLS.map((msr) => [msr, values.get(msr)]));
      assert.deepEqual(valuesOf(printVmxcap(values)), expected);
    }
  });

  it("gives no TRUE MSR on a processor without them", () => {
    const found = valuesOf(printVmxcap(set("penryn").values));
    assert.deepEqual(
      Object.keys(found).filter((name) => name.includes("TRUE")),
      [],
    );
    for (const [name, value] of Object.entries(found)) {
      if (name !== "IA32_VMX_EPT_VPID_CAP") assert.equal(value, set("penryn").values.get(name), name);
    }
  });

  it("gives back what each newer processor must have 1, and remarks what it cannot tell", () => {
    for (const cpu of CPUS) {
      if (!cpu.values.has("IA32_VMX_TRUE_ENTRY_CTLS")) continue;
      const { values, notes } = read(printVmxcap(cpu.values));
      for (const name of CONTROLS.filter((msr) => msr.endsWith("CTLS"))) {
        const [found, expected] = [values.get(name)!.value, cpu.values.get(name)!];
        assert.equal(BigInt.asUintN(32, found), BigInt.asUintN(32, expected), `${cpu.name} ${name}`);
        assert.equal(found & ~expected, 0n, `${cpu.name} ${name} allows too much`);
      }
      assert.equal(notes.filter(({ text }) => text.includes("names some bits only")).length, 5);
    }
  });

  it("of the tertiary controls gives all that may be 1", () => {
    const text = `tertiary processor-based controls\n  ${"Enable IPI virtualization".padEnd(40)} yes\n`;
    assert.deepEqual(valuesOf(text), { IA32_VMX_PROCBASED_CTLS3: 0x10n });
  });

  it("is refused with a word that vmxcap has not, or with two for one control", () => {
    const line = (setting: string) => `  ${"Virtual NMIs".padEnd(40)} ${setting}`;
    assertRefused(
      `pin-based controls\n${line("maybe")}`,
      2,
      /"maybe" for "Virtual NMIs", expected yes, no, forced or default/,
    );
    assertRefused(`pin-based controls\n${line("yes")}\n${line("no")}`, 3, /"no" for "Virtual NMIs" after "yes"/);
    assertRefused("Basic VMX Information\n  Hex: 0xz", 2, /"0xz" as IA32_VMX_BASIC/);
  });

  it("with a title that is new is read, and the title remarked", () => {
    const text = `pin-based controls\n  ${"NMI exiting".padEnd(40)} yes\n  ${"Something new".padEnd(40)} no`;
    assert.deepEqual(read(text).notes[0], {
      line: 3,
      text: '"Something new" is no control that the doctor knows by this title.',
    });
  });
});
