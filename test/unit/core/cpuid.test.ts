// CPUID as a guest sees it, held against the bits that the SDM numbers (SDM 2A, "CPUID").
import assert from "node:assert/strict";
import { ask } from "./machine/ask.ts";
import { cpuModel, skylake } from "./machine/cpu-model.ts";
import { control } from "./machine/tables.ts";
import { vendor } from "./machine/vendor.ts";
import { onVmx, test } from "./vendors.ts";

const EXTENDED = 0x80000000;
const models = ["corei7_sandy_bridge_2600k", "corei7_skylake_x", "corei7_icelake_u"];

/** What no guest is shown, by leaf and register (EAX, EBX, ECX, EDX): the numbers of bits, as the SDM's tables have them. */
const hidden: readonly (readonly [leaf: number, register: number, bits: readonly number[]])[] = [
  // DTES64, MONITOR, DS-CPL, VMX, SMX, EIST, TM2, CNXT-ID, SDBG, xTPR, PDCM, DCA, OSXSAVE
  [1, 2, [2, 3, 4, 5, 6, 7, 8, 10, 11, 14, 15, 18, 27]],
  // PSN, DS, ACPI, HTT, TM, PBE
  [1, 3, [18, 21, 22, 28, 29, 31]],
  // SGX, HLE, RTM, RDT-M, MPX, RDT-A, PT
  [7, 1, [2, 4, 11, 12, 14, 15, 25]],
  // OSPKE, WAITPKG, CET_SS, TME, LA57, MAWAU, KL, bus-lock detection, ENQCMD, SGX_LC, PKS
  [7, 2, [4, 5, 7, 13, 16, 17, 18, 19, 20, 21, 23, 24, 29, 30, 31]],
  // SGX-KEYS, UINTR, SRBDS_CTRL, RTM aborts, hybrid, TSXLDTRK, PCONFIG, LBR, CET_IBT, AMX, CORE_CAPABILITIES
  [7, 3, [1, 5, 9, 11, 13, 15, 16, 18, 19, 20, 22, 24, 25, 30]],
  [EXTENDED + 1, 2, [2]],
];

const bitsOf = (bits: readonly number[]): number => bits.reduce((sum, bit) => (sum | (1 << bit)) >>> 0, 0);

/** What leaf 1 shows whatever the processor has: x2APIC, TSC-deadline and hypervisor in ECX, APIC in EDX. */
const machines = new Map([
  [2, bitsOf([21, 24, 31])],
  [3, bitsOf([9])],
]);

for (const name of models) {
  test(`on a ${name} a guest is shown no feature that Basalt does not virtualize, and every other one of its CPU`, () => {
    const cpu = cpuModel(name);
    ask(
      function* (guest) {
        for (const [leaf, register, bits] of hidden) {
          if (leaf === 7 && cpu.leaf(0)[0] < 7) continue;
          const machine = leaf === 1 ? machines.get(register)! : 0;
          const shown = ((cpu.leaf(leaf)[register]! & ~bitsOf(bits)) | machine) >>> 0;
          assert.equal((yield* guest.cpuid(leaf))[register], shown, `leaf ${leaf.toString(16)}, register ${register}`);
        }
      },
      { cpu },
    );
  });

  test(`on a ${name} leaves without a feature for guests read 0, and those beyond the highest as the highest basic one`, () => {
    const cpu = cpuModel(name);
    ask(
      function* (guest) {
        const highest: number = (yield* guest.cpuid(0))[0]!;
        assert.equal(highest, Math.min(cpu.leaf(0)[0], 0x1f));
        for (const leaf of [3, 5, 6, 8, 9, 0xa, 0xc, 0xe, 0xf, 0x10, 0x12, 0x14, 0x17, 0x18, 0x19, 0x1a]) {
          if (leaf <= highest) assert.deepEqual(yield* guest.cpuid(leaf), [0, 0, 0, 0], `leaf ${leaf.toString(16)}`);
        }
        for (const subleaf of [0, 1, 2, 3]) {
          const expected: readonly number[] = yield* guest.cpuid(highest, subleaf);
          for (const leaf of [highest + 1, 0x20, 0x3f, 0x1000, 0x3fffffff, 0x50000000, 0x80000009, 0xffffffff]) {
            assert.deepEqual(yield* guest.cpuid(leaf, subleaf), expected, `leaf ${leaf.toString(16)}.${subleaf}`);
          }
        }
        assert.equal((yield* guest.cpuid(EXTENDED))[0], 0x80000008);
      },
      { cpu },
    );
  });
}

test("vendor, model, brand and cache sizes are the processor's own", () => {
  ask(function* (guest) {
    assert.deepEqual((yield* guest.cpuid(0)).slice(1), vendor().cpu.leaf(0).slice(1));
    assert.equal((yield* guest.cpuid(1))[0], vendor().cpu.leaf(1)[0]);
    for (const leaf of [2, EXTENDED + 2, EXTENDED + 3, EXTENDED + 4]) {
      assert.deepEqual(yield* guest.cpuid(leaf), vendor().cpu.leaf(leaf));
    }
    assert.deepEqual(yield* guest.cpuid(EXTENDED + 8), [0x3028, 0, 0, 0]);
    assert.deepEqual(yield* guest.cpuid(EXTENDED + 7), [0, 0, 0, 0x100]);
  });
});

test("the topology is that of one processor with one thread", () => {
  ask(function* (guest) {
    const [, ebx] = yield* guest.cpuid(1);
    assert.equal(ebx! >>> 16, 1, "one logical processor, initial APIC ID 0");
    assert.equal((ebx! >>> 8) & 0xff, 8, "CLFLUSH flushes 64 bytes");
    assert.equal((yield* guest.cpuid(4))[0]! >>> 14, 0, "no cache is shared, no core beside this one");
    assert.deepEqual(yield* guest.cpuid(0xb, 0), [0, 1, 0x100, 0]);
    assert.deepEqual(yield* guest.cpuid(0xb, 1), [0, 1, 0x201, 0]);
    assert.deepEqual(yield* guest.cpuid(0xb, 2), [0, 0, 2, 0]);
    assert.deepEqual(yield* guest.cpuid(0xb, 0x1ff), [0, 0, 0xff, 0]);
  });
});

const textOf = (words: readonly number[]): string => {
  const text = Buffer.alloc(4 * words.length);
  words.forEach((word, i) => text.writeUInt32LE(word, 4 * i));
  return text.toString("latin1");
};

test("leaf 0x40000000 tells Basalt's signature, 0x40000100 KVM's with its clock, and others of the range nothing", () => {
  ask(function* (guest) {
    const [eax, ...name] = yield* guest.cpuid(0x40000000);
    assert.equal(eax, 0x40000010);
    assert.equal(textOf(name), "BasaltBasalt");
    assert.deepEqual(yield* guest.cpuid(0x40000001), [1, 0, 0, 0]);
    const [highest, ...kvm] = yield* guest.cpuid(0x40000100);
    assert.equal(highest, 0x40000101);
    assert.equal(textOf(kvm), "KVMKVMKVM\0\0\0");
    // No delays behind port accesses, the clock of the newer MSRs, and that it is the same on all CPUs.
    assert.deepEqual(yield* guest.cpuid(0x40000101), [bitsOf([1, 3, 24]), 0, 0, 0]);
    for (const leaf of [0x40000002, 0x4000000f, 0x40000011, 0x400000ff, 0x40000102, 0x4fffffff]) {
      assert.deepEqual(yield* guest.cpuid(leaf), [0, 0, 0, 0], leaf.toString(16));
    }
  });
});

/** A measurement in kHz is one to the last figure. */
const isNear = (kilohertz: number, expected: number): boolean => Math.abs(kilohertz - expected) <= 1;

test("leaf 0x40000010 tells the frequencies of the time-stamp counter and of the local APIC's timer, as measured", () => {
  for (const name of models) {
    ask(
      function* (guest) {
        const [tsc, timer, ...rest] = yield* guest.cpuid(0x40000010);
        // 38.4 MHz by 78 by a half; the base frequency, where no crystal is told; what the 8254 says, where nothing is.
        const expected = { corei7_icelake_u: 1497600, corei7_skylake_x: 3500000 }[name] ?? 2000000;
        assert.ok(isNear(tsc!, expected), `${name}: ${tsc}`);
        assert.deepEqual([timer, ...rest], [tsc, 0, 0], "the timer counts at the rate of the time-stamp counter");
      },
      { cpu: cpuModel(name) },
    );
  }
});

onVmx(
  "leaves 0x15 and 0x16 tell a crystal as fast as the counter, as far as they can, where the processor has them",
  () => {
    for (const [tscKilohertz, hasCrystal] of [
      [3_500_000n, true],
      [2_000_000n, true],
      // Its hertz do not fit 32 bits.
      [4_400_000n, false],
    ] as const) {
      ask(
        function* (guest) {
          const [kilohertz] = yield* guest.cpuid(0x40000010);
          assert.ok(isNear(kilohertz!, Number(tscKilohertz)), String(kilohertz));
          assert.deepEqual(yield* guest.cpuid(0x15), hasCrystal ? [1, 1, 1000 * kilohertz!, 0] : [0, 0, 0, 0]);
          const megahertz = Math.floor(kilohertz! / 1000);
          assert.deepEqual(yield* guest.cpuid(0x16), [megahertz, megahertz, 100, 0]);
        },
        { tscKilohertz },
      );
    }
  },
);

onVmx("a guest that mirrors the host has no local APIC, and no clock of KVM's", () => {
  ask(
    function* (guest) {
      const [, , ecx, edx] = yield* guest.cpuid(1);
      assert.equal(ecx! & bitsOf([21, 24]), 0, "x2APIC and TSC-deadline");
      assert.equal(edx! & bitsOf([9]), 0, "APIC");
      assert.equal((yield* guest.cpuid(0x40000010))[1], 0);
      for (const leaf of [0x40000100, 0x40000101]) assert.deepEqual(yield* guest.cpuid(leaf), [0, 0, 0, 0]);
    },
    { commandLine: "guest=mirror" },
  );
});

onVmx("instructions that need a control are shown only where the CPU allows the control", () => {
  const cases = [
    ["SECONDARY_ENABLE_RDTSCP", EXTENDED + 1, 3, 27],
    ["SECONDARY_ENABLE_INVPCID", 7, 1, 10],
  ] as const;
  for (const [name, leaf, register, bit] of cases) {
    for (const isAllowed of [true, false]) {
      const cpu = isAllowed ? skylake : skylake.denying("PROCBASED2", control(name));
      ask(
        function* (guest) {
          assert.equal(((yield* guest.cpuid(leaf))[register]! >>> bit) & 1, isAllowed ? 1 : 0, name);
        },
        { cpu },
      );
    }
  }
});

test("OSXSAVE and OSPKE follow CR4, and the size of the XSAVE area follows XCR0", () => {
  const icelake = cpuModel("corei7_icelake_u");
  ask(
    function* (guest) {
      const cr4 = guest.seen("CR4");
      for (const [bit, leaf, register, shown] of [
        [18n, 1, 2, 27],
        [22n, 7, 2, 4],
      ] as const) {
        for (const isOn of [true, false, true]) {
          const value = isOn ? cr4 | (1n << bit) : cr4;
          assert.equal(yield* guest.writeControlRegister(4, value), "done");
          assert.equal(((yield* guest.cpuid(leaf))[register]! >>> shown) & 1, isOn ? 1 : 0);
        }
      }
      const sizes = [
        [0x1n, 576, 576],
        [0x3n, 576, 576],
        [0x7n, 832, 832],
        [0xe7n, 2688, 2432],
        [0x2e7n, 2696, 2440],
        [0x207n, 2696, 840],
      ] as const;
      for (const [xcr0, standard, compacted] of sizes) {
        assert.equal(yield* guest.xsetbv(xcr0), "done");
        assert.deepEqual(yield* guest.cpuid(0xd), [0x2e7, standard, 2696, 0], `XCR0 ${xcr0.toString(16)}`);
        assert.deepEqual(yield* guest.cpuid(0xd, 1), [7, compacted, 0, 0], "no XSAVES, which its control would allow");
      }
      assert.deepEqual(yield* guest.cpuid(0xd, 5), [64, 1088, 0, 0]);
      for (const subleaf of [3, 4, 8, 17, 18, 19, 63, 0xffffffff]) {
        assert.deepEqual(yield* guest.cpuid(0xd, subleaf), [0, 0, 0, 0], `sub-leaf ${subleaf}`);
      }
    },
    { cpu: icelake },
  );
});

test("CPUID takes its leaf from EAX and ECX alone, and clears the upper halves of its four registers", () => {
  const dirty = 0xffffffff00000000n;
  ask(function* (guest) {
    const registers = { rax: dirty | 1n, rcx: dirty, rbx: dirty | 5n, rdx: dirty | 5n };
    const answer = yield* guest.exit({ reason: 10, instructionLength: 2, registers });
    assert.deepEqual([answer.eax, answer.ebx, answer.ecx, answer.edx].map(Number), yield* guest.cpuid(1));
  });
});

test("a CPUID exit executes no CPUID", () => {
  let count = 0;
  const run = ask(
    function* (guest) {
      const before = count;
      for (const leaf of [0, 1, 4, 7, 0xb, 0xd, 0x16, 0x20, 0x40000000, 0x80000002]) yield* guest.cpuid(leaf, 1);
      assert.equal(count, before);
    },
    {
      prepare: ({ processor }) => {
        const original = processor.cpuid.bind(processor);
        processor.cpuid = (leaf, subleaf) => (count++, original(leaf, subleaf));
      },
    },
  );
  assert.ok(count > 0, run.name);
});
