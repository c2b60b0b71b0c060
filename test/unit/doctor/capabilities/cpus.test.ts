// The shipped capability sets: each agrees with itself, and they know what the manual and real cases tell.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CPUS, findCpu, type CapabilitySet } from "../../../../tools/doctor/capabilities/cpus.ts";
import { CAPABILITY_NAMES, CPUID_BY_NAME, type CapabilityName } from "../../../../tools/doctor/capabilities/names.ts";

/** A plain control MSR, the TRUE one, and its default1 class (SDM 3D A.2 to A.5). */
const CONTROLS: readonly { plain: CapabilityName; exact: CapabilityName; default1: bigint }[] = [
  { plain: "IA32_VMX_PINBASED_CTLS", exact: "IA32_VMX_TRUE_PINBASED_CTLS", default1: 0x16n },
  { plain: "IA32_VMX_PROCBASED_CTLS", exact: "IA32_VMX_TRUE_PROCBASED_CTLS", default1: 0x0401e172n },
  { plain: "IA32_VMX_EXIT_CTLS", exact: "IA32_VMX_TRUE_EXIT_CTLS", default1: 0x00036dffn },
  { plain: "IA32_VMX_ENTRY_CTLS", exact: "IA32_VMX_TRUE_ENTRY_CTLS", default1: 0x000011ffn },
];

/** A bit of CR4 that exists with a bit of CPUID (SDM 3A 2.5), where newer or older parts make no exception. */
const CR4_BITS: readonly { name: string; cr4: bigint; word: CapabilityName; bit: bigint }[] = [
  { name: "SMXE", cr4: 14n, word: "CPUID.1.ECX", bit: 6n },
  { name: "VMXE", cr4: 13n, word: "CPUID.1.ECX", bit: 5n },
  { name: "PCIDE", cr4: 17n, word: "CPUID.1.ECX", bit: 17n },
  { name: "FSGSBASE", cr4: 16n, word: "CPUID.7.0.EBX", bit: 0n },
  { name: "SMEP", cr4: 20n, word: "CPUID.7.0.EBX", bit: 7n },
  { name: "SMAP", cr4: 21n, word: "CPUID.7.0.EBX", bit: 20n },
  { name: "UMIP", cr4: 11n, word: "CPUID.7.0.ECX", bit: 2n },
  { name: "LA57", cr4: 12n, word: "CPUID.7.0.ECX", bit: 16n },
  { name: "PKE", cr4: 22n, word: "CPUID.7.0.ECX", bit: 3n },
  { name: "CET", cr4: 23n, word: "CPUID.7.0.ECX", bit: 7n },
  { name: "PKS", cr4: 24n, word: "CPUID.7.0.ECX", bit: 31n },
  { name: "UINTR", cr4: 25n, word: "CPUID.7.0.EDX", bit: 5n },
  { name: "LAM_SUP", cr4: 28n, word: "CPUID.7.1.EAX", bit: 26n },
];

const low = (value: bigint): bigint => value & 0xffffffffn;
const high = (value: bigint): bigint => value >> 32n;
const hasBit = (value: bigint, bit: bigint): boolean => ((value >> bit) & 1n) === 1n;

/** Every bit of `part` is in `whole`. */
function assertWithin(part: bigint, whole: bigint, sentence: string): void {
  assert.equal((part & ~whole).toString(16), "0", sentence);
}

function values(cpu: CapabilitySet, ...names: CapabilityName[]): bigint[] | null {
  const found = names.map((name) => cpu.values.get(name));
  return found.every((value) => value !== undefined) ? found : null;
}

for (const cpu of CPUS) {
  describe(`the capabilities of ${cpu.name}`, () => {
    it("are named as the doctor knows them, say where they come from, and fit their registers", () => {
      assert.ok(cpu.about.length > 0 && cpu.source.length > 0);
      for (const [name, value] of cpu.values) {
        assert.ok((CAPABILITY_NAMES as readonly string[]).includes(name), name);
        const width = CPUID_BY_NAME.has(name as never) ? 32 : 64;
        assert.equal(BigInt.asUintN(width, value), value, name);
      }
      for (const { plain } of CONTROLS) assert.ok(cpu.values.has(plain), plain);
    });

    it("allow no control to be 0 by the TRUE MSRs that the default1 class does not hold", () => {
      const [basic] = values(cpu, "IA32_VMX_BASIC")!;
      for (const { plain, exact, default1 } of CONTROLS) {
        const [ordinary] = values(cpu, plain)!;
        assertWithin(default1, low(ordinary!), `${plain}: a default1 bit reads as 0`);
        assertWithin(low(ordinary!), high(ordinary!), `${plain}: a bit must be 1 and may not be 1`);
        const found = values(cpu, exact);
        if (found === null) continue;
        assert.ok(hasBit(basic!, 55n), `${exact} exists, but IA32_VMX_BASIC[55] is 0`);
        assertWithin(low(found[0]!), low(ordinary!), `${exact}: a bit must be 1 that ${plain} lets be 0`);
        assertWithin(low(ordinary!) & ~low(found[0]!), default1, `${exact}: a bit may be 0 outside default1`);
        assert.equal(high(found[0]!), high(ordinary!), `${exact} and ${plain} allow different 1-settings`);
      }
    });

    it("fix each bit of CR0 and CR4 in one way only", () => {
      for (const register of ["CR0", "CR4"] as const) {
        const found = values(cpu, `IA32_VMX_${register}_FIXED0`, `IA32_VMX_${register}_FIXED1`);
        if (found !== null) assertWithin(found[0]!, found[1]!, register);
      }
    });

    it("allow in CR4 what CPUID reports", () => {
      const fixed1 = cpu.values.get("IA32_VMX_CR4_FIXED1");
      if (fixed1 === undefined) return;
      for (const { name, cr4, word, bit } of CR4_BITS) {
        const reported = cpu.values.get(word);
        assert.notEqual(reported, undefined, word);
        assert.equal(hasBit(fixed1, cr4), hasBit(reported!, bit), `CR4.${name} and ${word}[${bit}]`);
      }
    });

    it("describe EPT and VPID exactly if the secondary controls have them", () => {
      const secondary = high(cpu.values.get("IA32_VMX_PROCBASED_CTLS2")!);
      const described = cpu.values.get("IA32_VMX_EPT_VPID_CAP");
      if (!hasBit(secondary, 1n) && !hasBit(secondary, 5n)) return assert.equal(described, undefined);
      if (described === undefined) return;
      assert.equal(hasBit(described, 6n), hasBit(secondary, 1n), "page-walk length 4");
      assert.equal(hasBit(described, 32n), hasBit(secondary, 5n), "INVVPID");
      assertWithin(secondary & 0x80n, (secondary & 2n) << 6n, "unrestricted guest needs EPT");
    });

    it("leave the reserved bits of IA32_VMX_BASIC 0", () => {
      const basic = cpu.values.get("IA32_VMX_BASIC")!;
      // Bit 57, which the pinned edition reserves, reads 1 from Alder Lake on, and bit 58 came with FRED.
      assert.equal((basic & 0xf8_00_e0_00_80_00_00_00n).toString(16), "0");
      const size = (basic >> 32n) & 0x1fffn;
      assert.ok(size > 0n && size <= 4096n, `a VMCS region of ${size} bytes`);
      assert.equal((basic >> 50n) & 0xfn, 6n, "the memory type of a VMCS is write-back");
    });

    it("have a physical address of 36 to 52 bits", () => {
      const width = cpu.values.get("CPUID.80000008.EAX")! & 0xffn;
      assert.ok(width >= 36n && width <= 52n, `${width} bits`);
    });
  });
}

describe("the shipped sets", () => {
  const set = (name: string): CapabilitySet => {
    const found = findCpu(name);
    if (typeof found === "string") assert.fail(found);
    return found;
  };

  it("have the processors that are asked for most", () => {
    const names = "penryn core2 nehalem westmere sandybridge ivybridge haswell broadwell skylake skylake-server";
    const newer = "cascadelake icelake tigerlake alderlake sapphirerapids";
    for (const name of `${names} ${newer}`.split(" ")) assert.equal(typeof findCpu(name), "object", name);
    assert.equal(new Set(CPUS.map((cpu) => cpu.name)).size, CPUS.length);
  });

  it("judge every value of case 1 but its EPTP allowed on Sandy Bridge", () => {
    const { values } = set("sandybridge");
    const controls: [CapabilityName, bigint][] = [
      ["IA32_VMX_TRUE_PINBASED_CTLS", 0x16n],
      ["IA32_VMX_TRUE_PROCBASED_CTLS", 0x8401e1f2n],
      ["IA32_VMX_PROCBASED_CTLS2", 0xan],
      ["IA32_VMX_TRUE_ENTRY_CTLS", 0x93ffn],
      ["IA32_VMX_TRUE_EXIT_CTLS", 0x00236fffn],
    ];
    for (const [name, value] of controls) {
      assertWithin(value, high(values.get(name)!), name);
      assertWithin(low(values.get(name)!), value, name);
    }
    for (const [register, value] of [
      ["CR0", 0x80050033n],
      ["CR4", 0x626e0n],
    ] as const) {
      assertWithin(value, values.get(`IA32_VMX_${register}_FIXED1`)!, register);
      assertWithin(values.get(`IA32_VMX_${register}_FIXED0`)!, value, register);
    }
    assert.equal(values.get("CPUID.80000008.EAX")! & 0xffn, 36n);
    const described = values.get("IA32_VMX_EPT_VPID_CAP")!;
    assert.equal(hasBit(described, 21n), false, "EPT accessed and dirty flags");
    assert.equal(hasBit(described, 6n), true, "page-walk length 4");
    assert.equal(hasBit(described, 14n), true, "EPT memory type write-back");
    assert.equal(hasBit(high(values.get("IA32_VMX_PINBASED_CTLS")!), 6n), true, "VMX-preemption timer");
    assert.equal(hasBit(high(values.get("IA32_VMX_PROCBASED_CTLS2")!), 5n), true, "VPID");
  });

  it("show what each generation brought", () => {
    const secondary = (name: string, bit: bigint) =>
      hasBit(high(set(name).values.get("IA32_VMX_PROCBASED_CTLS2")!), bit);
    const brought: [bigint, string, string][] = [
      [1n, "penryn", "nehalem"],
      [7n, "nehalem", "westmere"],
      [12n, "ivybridge", "haswell"],
      [16n, "haswell", "broadwell"],
      [17n, "broadwell", "skylake"],
      [25n, "skylake", "skylake-server"],
    ];
    for (const [bit, before, since] of brought) {
      assert.deepEqual([secondary(before, bit), secondary(since, bit)], [false, true], `bit ${bit} came with ${since}`);
    }
    assert.equal(set("penryn").values.has("IA32_VMX_TRUE_PINBASED_CTLS"), false);
    const width = (name: string) => set(name).values.get("CPUID.80000008.EAX")! & 0xffn;
    assert.deepEqual([width("haswell"), width("haswell-ep"), width("graniterapids")], [39n, 46n, 52n]);
  });
});

describe("a CPU's name", () => {
  it("is found whatever its case and its dashes", () => {
    for (const name of ["sandybridge", "SandyBridge", "sandy_bridge", "Sandy Bridge", "sandy-bridge-client"]) {
      const found = findCpu(name);
      assert.equal(typeof found === "string" ? found : found.name, "sandybridge");
    }
  });

  it("that is not known is refused with what there is and the nearest name", () => {
    const refusal = findCpu("sandybrige");
    assert.equal(typeof refusal, "string");
    assert.match(
      refusal as string,
      /^Found the CPU name "sandybrige", expected one of penryn, .*graniterapids \(did you mean sandybridge\?\)\.$/,
    );
    assert.match(findCpu("ivybridge-srver") as string, /did you mean ivybridge-ep\?/);
    assert.doesNotMatch(findCpu("quux") as string, /did you mean/);
    assert.doesNotMatch(findCpu("x".repeat(100_000)) as string, /did you mean/);
  });
});
