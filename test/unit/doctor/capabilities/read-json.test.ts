// Capabilities are read from JSON, by name, by index, and in the layout of the models in test/fixtures.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { msrOfIndex } from "../../../../tools/doctor/capabilities/names.ts";
import { assertRefused, read, valuesOf } from "./reading.ts";

const models = new URL("../../../fixtures/cpu-models/", import.meta.url);

interface Model {
  msrs: Record<string, { name: string; value: string }>;
  cpuid: Record<string, string>;
}

describe("JSON", () => {
  it("gives MSRs and CPUID by name and by index", () => {
    const text = `{
      "IA32_VMX_BASIC": "0x00da040000000004", "0x481": "7f00000016", "482": {"value": "0xfff9fffe0401e172"},
      "msr_ia32_vmx_misc": 805307877, "CPUID.1.ECX": "0x7fbae3ff", "cpuid": {"0x7.1": {"eax": "0x10", "edx": 4}},
      "about": "a machine", "list": [true, null, {"deep": []}]
    }`;
    assert.deepEqual(valuesOf(text), {
      IA32_VMX_BASIC: 0x00da040000000004n,
      IA32_VMX_PINBASED_CTLS: 0x7f00000016n,
      IA32_VMX_PROCBASED_CTLS: 0xfff9fffe0401e172n,
      IA32_VMX_MISC: 805307877n,
      "CPUID.1.ECX": 0x7fbae3ffn,
      "CPUID.7.1.EAX": 0x10n,
      "CPUID.7.1.EDX": 4n,
    });
    assert.equal(read(text).values.get("IA32_VMX_MISC")!.line, 3);
  });

  it("keeps all bits of a number", () => {
    assert.deepEqual(valuesOf('{"IA32_VMX_BASIC": 61365942969434117}'), { IA32_VMX_BASIC: 61365942969434117n });
  });

  it("gives the width of addresses", () => {
    assert.deepEqual(valuesOf('{"MAXPHYADDR": 36}'), { "CPUID.80000008.EAX": 36n });
  });

  for (const file of readdirSync(models).filter((name) => name.endsWith(".json"))) {
    it(`gives every MSR that is a capability and the words of CPUID of ${file}`, () => {
      const text = readFileSync(new URL(file, models), "utf8");
      const model = JSON.parse(text) as Model;
      const found = valuesOf(text);
      for (const [index, { name, value }] of Object.entries(model.msrs)) {
        assert.equal(found[name], msrOfIndex(Number(index)) === null ? undefined : BigInt(value), name);
      }
      const register = (leaf: string, i: number) => BigInt(`0x${model.cpuid[leaf]!.split(" ")[i]!}`);
      assert.equal(found["CPUID.1.ECX"], register("0x00000001", 2));
      assert.equal(found["CPUID.7.0.EBX"], register("0x00000007", 1));
      assert.equal(found["CPUID.80000008.EAX"], register("0x80000008", 0));
      assert.equal(found["CPUID.7.1.EAX"], 0n, "leaf 7 has one sub-leaf");
    });
  }

  it("is refused where it gives two values, even to one key", () => {
    assertRefused('{"0x480": "1",\n"0x480": "2"}', 2, /0x2 for IA32_VMX_BASIC, but 0x1 in line 1/);
    assertRefused('{"IA32_VMX_BASIC": "1",\n"0x480": "2"}', 2, /IA32_VMX_BASIC/);
  });

  it("is refused with a number that is none", () => {
    assertRefused('{"a": 1,\n"0x480": "what"}', 2, /"what" as the value of IA32_VMX_BASIC/);
    assertRefused('{"0x480": 1.5}', 1, /"1.5"/);
    assertRefused('{"0x480": -1}', 1, /"-1"/);
    assertRefused('{"0x480": true}', 1, /"true"/);
    assertRefused(
      '{"cpuid": {\n"0x00000001": "1 2 3"}}',
      2,
      /"1 2 3" as CPUID leaf 0x1, expected EAX, EBX, ECX and EDX/,
    );
    assertRefused('{"MAXPHYADDR": "many"}', 1, /expected 32 to 52/);
  });

  it("is refused with a name that has another's index", () => {
    assertRefused(
      '{"0x481": {\n"name": "IA32_VMX_BASIC", "value": "1"}}',
      2,
      /IA32_VMX_BASIC as MSR 0x481, expected 0x480/,
    );
  });

  it("is refused where it is broken", () => {
    assertRefused('{"0x480": "1",\n', 2, /the end of the text, expected a key in quotes/);
    assertRefused('{"0x480": "1"\n"0x481": "1"}', 2, /expected "," or "}"/);
    assertRefused('{"0x480": "1}\n', 1, /a quote without an end/);
    assertRefused('{"0x480": "1"} x', 1, /expected the end of the text/);
    assertRefused(`{"a": ${"[".repeat(100_000)}`, 1, /nested deeper than 16/);
    assertRefused('{"about": "nothing"}', 1, /no capability of a processor/);
  });
});
