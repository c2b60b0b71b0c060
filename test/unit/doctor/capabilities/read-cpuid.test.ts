// CPUID is read in the forms in which tools print it, and so are the widths of addresses.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { assertRefused, read, valuesOf } from "./reading.ts";

const LEAF_1 = { "CPUID.1.ECX": 0x7fbae3ffn, "CPUID.1.EDX": 0xbfebfbffn };

describe("a leaf of CPUID is read from", () => {
  const forms: Record<string, string> = {
    "cpuid -r": "   0x00000001 0x00: eax=0x000306a9 ebx=0x00100800 ecx=0x7fbae3ff edx=0xbfebfbff",
    "cpuid -1 -r with its heading":
      "CPU:\n   0x00000001 0x00: eax=0x000306a9 ebx=0x00100800 ecx=0x7fbae3ff edx=0xbfebfbff",
    "an older cpuid -r": "   0x00000001: eax=0x000306a9 ebx=0x00100800 ecx=0x7fbae3ff edx=0xbfebfbff",
    InstLatx64: "CPUID 00000001: 000306A9-00100800-7FBAE3FF-BFEBFBFF",
    "an older InstLatx64": "CPUID 00000001  \t000306A9-00100800-7FBAE3FF-BFEBFBFF",
    "Bochs's log": "00000000000i[CPU0  ] CPUID[0x00000001]: 000306a9 00100800 7fbae3ff bfebfbff",
  };
  for (const [form, text] of Object.entries(forms)) {
    it(form, () => {
      assert.deepEqual(valuesOf(text), LEAF_1);
    });
  }

  it("InstLatx64 with sub-leaves, and of those without a number the first only", () => {
    const named = [
      "CPUID 00000007: 00000001-239CA7EB-98C007AC-FC18C410 [SL 00]",
      "CPUID 00000007: 00400810-00000000-00000000-00000007 [SL 01]",
    ];
    const expected = {
      "CPUID.7.0.EBX": 0x239ca7ebn,
      "CPUID.7.0.ECX": 0x98c007acn,
      "CPUID.7.0.EDX": 0xfc18c410n,
      "CPUID.7.1.EAX": 0x00400810n,
      "CPUID.7.1.EDX": 7n,
      "CPUID.7.2.EDX": 0n,
    };
    assert.deepEqual(valuesOf(named.join("\n")), expected);
    const { values, notes } = read(named.map((line) => line.slice(0, 52)).join("\n"));
    // The leaf says that its last sub-leaf is 1: there is no CPUID.7.2.
    assert.deepEqual([...values.keys()], ["CPUID.7.0.EBX", "CPUID.7.0.ECX", "CPUID.7.0.EDX", "CPUID.7.2.EDX"]);
    assert.deepEqual(notes, [{ line: 2, text: "A sub-leaf of CPUID leaf 0x7 without a number is left out." }]);
  });
});

describe("a word of CPUID is read from", () => {
  it("the manual's names of it", () => {
    const names = [
      "CPUID.7.0.EBX",
      "CPUID.7.EBX",
      "CPUID.07H:EBX",
      "CPUID.(EAX=07H,ECX=0H):EBX",
      "CPUID.(EAX=7, ECX=0).EBX",
    ];
    for (const name of names)
      assert.deepEqual(valuesOf(`${name} = 0x239ca7eb`), { "CPUID.7.0.EBX": 0x239ca7ebn }, name);
    assert.deepEqual(valuesOf("CPUID.1:ECX 0x7fbae3ff"), { "CPUID.1.ECX": 0x7fbae3ffn });
    assert.deepEqual(valuesOf("CPUID.80000008H:EAX: 3027"), { "CPUID.80000008.EAX": 0x3027n });
    assert.deepEqual(valuesOf("CPUID.D.1.EAX=f"), { "CPUID.D.1.EAX": 0xfn });
  });

  it("nothing that speaks of one bit", () => {
    assertRefused("CPUID.1:ECX[5] = 1\nCPUID.1:ECX.VMX[bit 5] = 1", 1, /no capability/);
  });
});

describe("a leaf that does not exist", () => {
  it("has words of 0, as the highest leaf tells", () => {
    const text = [
      "   0x00000000 0x00: eax=0x0000000a ebx=0x756e6547 ecx=0x6c65746e edx=0x49656e69",
      "   0x00000007 0x00: eax=0x00000000 ebx=0x00000281 ecx=0x00000000 edx=0x00000000",
    ];
    const { values } = read(text.join("\n"));
    assert.deepEqual(values.get("CPUID.7.1.EAX"), { value: 0n, line: 2 });
    assert.deepEqual(values.get("CPUID.14.0.EBX"), { value: 0n, line: 1 });
    assert.equal(values.has("CPUID.A.EAX"), false, "leaf A exists and is not told");
    assert.equal(values.has("CPUID.80000008.EAX"), false, "the highest extended leaf is another");
  });
});

describe("the width of addresses is read from", () => {
  const forms: Record<string, [string, bigint]> = {
    "a word": ["MAXPHYADDR = 36", 0x24n],
    "a word and a colon": ["MAXPHYADDR: 39", 0x27n],
    "a sentence": ["physical address bits: 36", 0x24n],
    "/proc/cpuinfo": ["address sizes\t: 39 bits physical, 48 bits virtual", 0x3027n],
    lscpu: ["Address sizes:                   36 bits physical, 48 bits virtual", 0x3024n],
    cpuid: [
      "      maximum physical address bits         = 0x27 (39)\n" +
        "      maximum linear (virtual) address bits = 0x30 (48)\n" +
        "      maximum guest physical address bits   = 0x0 (0)",
      0x3027n,
    ],
    "VirtualBox's log": [
      "00:00:00.505 Physical Address Width:          36 bits\n" +
        "00:00:00.505 Virtual Address Width:           48 bits\n" +
        "00:00:00.505 Guest Physical Address Width:    0 bits",
      0x3024n,
    ],
    "another line of VirtualBox's log": ["00:00:06.260 PGM: The CPU physical address width is 36 bits", 0x24n],
  };
  for (const [form, [text, value]] of Object.entries(forms)) {
    it(form, () => {
      assert.deepEqual(valuesOf(text), { "CPUID.80000008.EAX": value });
    });
  }

  it("words and CPUID together, if they agree", () => {
    const leaf = "CPUID 80000008: 00003024-00000000-00000000-00000000";
    assert.equal(valuesOf(`MAXPHYADDR = 36\n${leaf}`)["CPUID.80000008.EAX"], 0x3024n);
    assertRefused(`MAXPHYADDR = 39\n${leaf}`, 2, /0x3024 for CPUID.80000008.EAX, but 0x27 in line 1/);
    assertRefused(`${leaf}\nMAXPHYADDR = 39`, 2, /0x27 for CPUID.80000008.EAX, but 0x3024 in line 1/);
  });

  it("nothing outside what the architecture allows", () => {
    assertRefused("MAXPHYADDR = 64", 1, /64 bits, expected 32 to 52/);
    assertRefused("address sizes : 39 bits physical, 99 bits virtual", 1, /99 bits, expected 32 to 57/);
  });
});

describe("CPUID is refused", () => {
  it("with a register that is none", () => {
    assertRefused("0x480: 1\nCPUID 00000001: 000306A9-00100800-7FBAE3FX-BFEBFBFF", 2, /four registers of CPUID/);
    assertRefused("   0x00000001 0x00: eax=0x000306a9 ebx=0x00100800 ecx=", 1, /four registers of CPUID/);
    assertRefused("CPUID.1.ECX = 0x1ffffffff", 1, /at most 32 bits/);
  });

  it("with two values for one word", () => {
    const row = (ecx: string) => `CPUID 00000001: 000306A9-00100800-${ecx}-BFEBFBFF`;
    assertRefused(
      `${row("7FBAE3FF")}\nsome line\n${row("7FBAE3BF")}`,
      3,
      /0x7fbae3bf for CPUID.1.ECX, but 0x7fbae3ff in line 1/,
    );
  });
});
