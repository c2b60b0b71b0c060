// MSRs are read in the forms in which tools print them, and a text that contradicts itself is refused with its line.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CPUS } from "../../../../tools/doctor/capabilities/cpus.ts";
import { indexOfMsr, type MsrName } from "../../../../tools/doctor/capabilities/names.ts";
import { assertRefused, read, valuesOf } from "./reading.ts";

const BASIC = { IA32_VMX_BASIC: 0x00da_0400_0000_0004n };

describe("an MSR is read from", () => {
  const forms: Record<string, string> = {
    "a loop over rdmsr": "0x480: da040000000004",
    "a loop over rdmsr with bare numbers": "480 da040000000004",
    "index, high and low half": "480 00da0400 00000004",
    "name, index and value": "IA32_VMX_BASIC(0x480) = 0xda040000000004",
    "name, index apart and value": "IA32_VMX_BASIC (480h): 00da0400`00000004",
    "name and value": "IA32_VMX_BASIC: 0x00da040000000004",
    "a C name": "MSR_IA32_VMX_BASIC = 0xda040000000004",
    InstLatx64: "MSR 00000480: 00DA-0400-0000-0004",
    "a word, index and halves": "MSR 00000480: 00da0400_00000004",
    "a function's name": "CPU(0x00): RDMSR(0x00000480) = 0x00da040000000004",
    brackets: "msr[0x480] = 0x00da040000000004",
    "halves by register, high first": "IA32_VMX_BASIC: edx=00da0400 eax=00000004",
    "halves by register, low first": "0x480: eax=0x00000004, edx=0x00da0400",
    "a kernel's log": "[   12.345678] kvm: IA32_VMX_BASIC 0xda040000000004",
    "a kernel's log by index": "<6>[   12.345678] MSR 0x480 = 0xda040000000004",
    "VirtualBox's log": "00:00:02.193951 HM: MSR_IA32_VMX_BASIC                = 0xda040000000004",
    "VirtualBox's older log": "00:00:00.683 HWACCM: MSR_IA32_VMX_BASIC_INFO       = da040000000004",
    "Basalt's debug line": "basalt: debug: 0x480 IA32_VMX_BASIC 0x00da040000000004",
    "index and name in the other order": "IA32_VMX_BASIC 0x480 0x00da040000000004",
    "a table": "| 0x480 | IA32_VMX_BASIC | 0x00da040000000004 |",
    "a list in quotes": `"IA32_VMX_BASIC", "0x00da040000000004"`,
    "a CSV line": "0x480,0x00da040000000004",
    "letters with a suffix of C": "IA32_VMX_BASIC = 0x00da040000000004ULL;",
    "rdmsr in a terminal": "# rdmsr 0x480\nda040000000004",
    "rdmsr of all processors": "$ sudo rdmsr -a 0x480\nda040000000004\nda040000000004\nda040000000004",
    "rdmsr in decimal": "$ rdmsr -u 0x480\n61365942969434116",
    "a name, the word MSR and a value": "IA32_VMX_BASIC MSR: 0xda040000000004",
    "an index and the value in the next line": "0x480\nda040000000004",
    "lines that end as in DOS": "0x480: da040000000004\r\n\r\n",
  };
  for (const [form, text] of Object.entries(forms)) {
    it(form, () => {
      assert.deepEqual(valuesOf(text), BASIC);
    });
  }

  it("every line of a shipped set, by name and by index", () => {
    for (const cpu of CPUS) {
      const msrs = [...cpu.values].filter(([name]) => name.startsWith("IA32_"));
      const byName = msrs.map(([name, value]) => `${name} = 0x${value.toString(16)}`).join("\n");
      const byIndex = msrs.map(([name, value]) => `${indexOfMsr(name as MsrName).toString(16)} ${value.toString(16)}`);
      assert.deepEqual(valuesOf(byName), Object.fromEntries(msrs));
      assert.deepEqual(valuesOf(byIndex.join("\n")), Object.fromEntries(msrs));
    }
  });

  it("a loop that prints each index before its value", () => {
    const expected = { ...BASIC, IA32_VMX_PINBASED_CTLS: 0x7f_0000_0016n };
    assert.deepEqual(valuesOf("480\nda040000000004\n481\n7f00000016\n"), expected);
  });

  it("a text with other things, and the line is told", () => {
    const text =
      "Linux box 6.1.0\nMemory: 480 MiB free\n\n0x10: 123456\n0x48b: ff00000000\nIA32_VMX_PROCBASED_CTLS3 n/a\n";
    assert.deepEqual(read(text).values, new Map([["IA32_VMX_PROCBASED_CTLS2", { value: 0xff_0000_0000n, line: 5 }]]));
  });
});

describe("an MSR without a value", () => {
  it("is remarked and left out", () => {
    const absent = ["IA32_VMX_VMFUNC = unavailable", "RDMSR(0x00000491) = unavailable", "IA32_VMX_VMFUNC: -"];
    absent.push("#define MSR_IA32_VMX_VMFUNC 0x491", "rdmsr: CPU 0 cannot read MSR 0x00000491");
    for (const line of absent) assert.deepEqual(valuesOf(`0x480: da040000000004\n${line}`), BASIC, line);
    assert.deepEqual(read(`0x480: 1\n${absent[0]}`).notes, [
      { line: 2, text: "IA32_VMX_VMFUNC is named here without a value." },
    ]);
    assert.match(read(`0x480: 1\n${absent[3]}`).notes[0]!.text, /given its index/);
    const asked = read("0x480: 1\n# rdmsr 0x491\nrdmsr: CPU 0 cannot read MSR 0x00000491");
    assert.deepEqual(asked.notes, [{ line: 3, text: "IA32_VMX_VMFUNC is asked for, but this is no value of it." }]);
    assert.match(read("0x480: 1\n$ rdmsr -f 31:0 0x481\n16").notes[0]!.text, /in part only/);
  });
});

describe("a text is refused", () => {
  it("if it gives one MSR two values of one processor", () => {
    assertRefused(
      "0x480: da040000000004\n0x481: 7f00000016\n480 da040000000010",
      3,
      /IA32_VMX_BASIC, but 0xda040000000004 in line 1/,
    );
    assertRefused("# rdmsr -a 0x48b\nff00000000\n7f00000000", 3, /IA32_VMX_PROCBASED_CTLS2/);
  });

  it("if a number is none", () => {
    assertRefused("0x480: da040000000004\n0x481: 7g00000016", 2, /"7g00000016" as the value of IA32_VMX_PINBASED_CTLS/);
    assertRefused("IA32_VMX_BASIC = 0x1da040000000004ff", 1, /at most 64 bits/);
    assertRefused("\n\nIA32_VMX_BASIC = what", 3, /"what"/);
    assertRefused("MSR 00000480: 00DA-0400-0000-00", 1, /hexadecimal/);
    assertRefused("480 00da0400 0000", 1, /"00da0400 0000"/);
  });

  it("if a name has another's index", () => {
    assertRefused("0x481 IA32_VMX_BASIC 0xda040000000004", 1, /IA32_VMX_BASIC as MSR 0x481, expected 0x480/);
    assertRefused("IA32_VMX_MISC(0x484) = 0x1", 1, /IA32_VMX_MISC as MSR 0x484, expected 0x485/);
  });

  it("if it tells nothing of a processor", () => {
    for (const text of ["", "\n\n", "hello", "0x10: 5", "480 MiB free", "processor : 0\nvmx flags : vnmi ept"]) {
      assertRefused(text, 1, /no capability of a processor, expected MSRs 0x480 to 0x493/);
    }
  });

  it("if it is too long for the output of a tool", () => {
    assertRefused("x".repeat(16_000_001), 1, /16000001 letters/);
  });
});

describe("processors that differ", () => {
  it("are read as the first one, with a remark, where the text tells them apart", () => {
    const text = "CPU 0:\n0x48b: ff00000000\nCPU 1:\n0x48b: 7f00000000\nCPU 2:\n0x48b: 7f00000000";
    const { values, notes } = read(text);
    assert.equal(values.get("IA32_VMX_PROCBASED_CTLS2")!.value, 0xff_0000_0000n);
    const remark = "IA32_VMX_PROCBASED_CTLS2 differs between processors: 0xff00000000 of line 2 is taken.";
    assert.deepEqual(notes, [{ line: 4, text: remark }]);
  });
});
