// RDMSR and WRMSR of a guest, row by row (SDM 4 chapter 2).
import assert from "node:assert/strict";
import { assertEnd } from "./assertions.ts";
import { ask } from "./machine/ask.ts";
import { cpuModel, skylake } from "./machine/cpu-model.ts";
import { hlt, listed } from "./machine/exits.ts";
import { boot, Machine } from "./machine/machine.ts";
import { control, msr } from "./machine/tables.ts";
import { linearFlushes } from "./machine/windows.ts";
import { isVmx, onVmx, test } from "./vendors.ts";

const GP = "#GP(0)";
const CANONICAL = [0n, 0x1000n, 0x7fffffffffffn, 0xffff800000000000n, 0xffffffffffffffffn];
const NOT_CANONICAL = [0x800000000000n, 0xffff7fffffffffffn, 0x8000000000000000n, 0x0001000000000000n];

interface Case {
  readonly name: string;
  /** RDMSR at first, "#GP(0)", or null where that is no figure. */
  readonly reads: bigint | string | null;
  /** Values that WRMSR takes and RDMSR gives back. */
  readonly keeps?: readonly bigint[];
  /** Values that WRMSR takes, after which RDMSR gives what it gave at first. */
  readonly ignores?: readonly bigint[];
  readonly refuses?: readonly bigint[];
}

const WB = 0x0606060606060606n;
const cases: readonly Case[] = [
  { name: "IA32_P5_MC_ADDR", reads: 0n, ignores: [0n, 5n] },
  { name: "IA32_P5_MC_TYPE", reads: 0n, ignores: [0n, 5n] },
  { name: "IA32_PLATFORM_ID", reads: 0n, refuses: [0n] },
  {
    name: "IA32_APIC_BASE",
    reads: 0xfee00900n,
    // Into x2APIC mode, and out of it by way of a disabled APIC.
    keeps: [0xfee00800n, 0xfee00900n, 0xfee00d00n, 0xfee00100n, 0xfee00900n, 0xfee00d00n, 0xfee00100n],
    // From a disabled APIC to x2APIC mode at once, x2APIC mode without the enable, another address, reserved bits.
    refuses: [0xfee00d00n, 0xfee00500n, 0x12345900n, 0xfee00901n, 0xfee00a00n, 0x100_fee0_0900n],
  },
  { name: "IA32_FEATURE_CONTROL", reads: 1n, refuses: [0n, 1n, 5n] },
  { name: "IA32_BIOS_UPDT_TRIG", reads: GP },
  { name: "IA32_BIOS_SIGN_ID", reads: 0n, ignores: [0n, 0x1234n] },
  { name: "MSR_PLATFORM_INFO", reads: 0n, refuses: [0n] },
  { name: "IA32_MTRRCAP", reads: 0x508n, refuses: [0x508n] },
  { name: "IA32_SYSENTER_CS", reads: 0n, keeps: [8n, 0xffffn] },
  { name: "IA32_SYSENTER_ESP", reads: 0n, keeps: CANONICAL, refuses: NOT_CANONICAL },
  { name: "IA32_SYSENTER_EIP", reads: 0n, keeps: CANONICAL, refuses: NOT_CANONICAL },
  { name: "IA32_MCG_CAP", reads: 0n, refuses: [0n] },
  { name: "IA32_MCG_STATUS", reads: 0n, keeps: [7n, 0n], refuses: [8n, 1n << 63n] },
  {
    name: "IA32_MISC_ENABLE",
    reads: 0x1801n,
    keeps: [0x1800n, 0x1801n],
    ignores: [0x1n, 0x1881n],
    refuses: [0x41801n, 0x11801n, 0x4_0000_1801n, 1n << 63n],
  },
  { name: "IA32_DEBUGCTL", reads: 0n, keeps: [2n, 0n], refuses: [1n, 4n, 0x40n, 0x200n, 1n << 63n] },
  {
    name: "IA32_MTRR_PHYSBASE0",
    reads: 0n,
    keeps: [0n, 0xc0000001n, 4n, 5n, 6n, 0xff_ffff_f006n],
    refuses: [2n, 3n, 7n, 8n, 0x806n, 0x106n, 0x100_0000_0006n],
  },
  {
    name: "IA32_MTRR_PHYSMASK0",
    reads: 0n,
    keeps: [0x800n, 0xff_c000_0800n, 0n],
    refuses: [1n, 0x400n, 0x100_c000_0800n],
  },
  { name: "IA32_MTRR_FIX64K_00000", reads: WB, keeps: [0n, 0x0001040506060504n], refuses: [2n, 0x0700000000000000n] },
  { name: "IA32_MTRR_FIX16K_80000", reads: WB, keeps: [0n], refuses: [0x300n] },
  { name: "IA32_MTRR_FIX16K_A0000", reads: 0n, keeps: [WB], refuses: [0x80n] },
  { name: "IA32_MTRR_FIX4K_C0000", reads: 0x0505050505050505n, keeps: [WB], refuses: [0xff00n] },
  { name: "IA32_MTRR_FIX4K_F8000", reads: 0x0505050505050505n, keeps: [WB], refuses: [0xff00n] },
  {
    name: "IA32_PAT",
    reads: 0x0007040600070406n,
    keeps: [0x0007010600070106n, WB, 0n],
    refuses: [2n, 3n, 8n, 0x0300000000000000n, 0x8000000000000000n],
  },
  {
    name: "IA32_MTRR_DEF_TYPE",
    reads: 0xc06n,
    keeps: [0n, 0x800n, 0xc01n],
    refuses: [2n, 7n, 0x100n, 0x1006n, 1n << 32n],
  },
  {
    name: "IA32_EFER",
    reads: 0xd00n,
    keeps: [0xd01n, 0x501n, 0xd00n],
    // LMA is read-only; LME cannot change while paging is on.
    ignores: [0x900n],
    refuses: [0x0n, 0x400n, 0x2d00n, 0x1d00n, 0xd02n, 1n << 63n],
  },
  { name: "IA32_STAR", reads: 0n, keeps: [0xffffffffffffffffn, 0n] },
  { name: "IA32_LSTAR", reads: 0n, keeps: CANONICAL, refuses: NOT_CANONICAL },
  { name: "IA32_CSTAR", reads: 0n, keeps: CANONICAL, refuses: NOT_CANONICAL },
  { name: "IA32_FMASK", reads: 0n, keeps: [0xffffffffn, 0n], refuses: [0x100000000n] },
  { name: "IA32_FS_BASE", reads: 0n, keeps: CANONICAL, refuses: NOT_CANONICAL },
  { name: "IA32_GS_BASE", reads: 0n, keeps: CANONICAL, refuses: NOT_CANONICAL },
  { name: "IA32_KERNEL_GS_BASE", reads: 0n, keeps: CANONICAL, refuses: NOT_CANONICAL },
  { name: "IA32_TSC_AUX", reads: 0n, keeps: [0xffffffffn, 0n], refuses: [0x100000000n] },
];

/** Those that the processor holds for a guest by SVM, so that no access to them exits. */
const HELD_BY_SVM = cases
  .map(({ name }) => name)
  .filter((name) => /SYSENTER|_PAT$|STAR$|FMASK|_BASE$|TSC_AUX/.test(name) && !/APIC_BASE/.test(name));

for (const { name, reads, keeps = [], ignores = [], refuses = [] } of cases) {
  const runOn = HELD_BY_SVM.includes(name) ? onVmx : test;
  runOn(`${name} of a guest reads and takes what it should`, () => {
    ask(function* (guest) {
      const index = msr(name);
      if (reads !== null) assert.equal(yield* guest.rdmsr(index), reads, "at first");
      for (const value of keeps) {
        assert.equal(yield* guest.wrmsr(index, value), "done", `WRMSR of ${value.toString(16)}`);
        assert.equal(yield* guest.rdmsr(index), value);
      }
      const before = yield* guest.rdmsr(index);
      for (const value of ignores) {
        assert.equal(yield* guest.wrmsr(index, value), "done", `WRMSR of ${value.toString(16)}`);
        assert.equal(yield* guest.rdmsr(index), before, value.toString(16));
      }
      for (const value of refuses) {
        assert.equal(yield* guest.wrmsr(index, value), GP, `WRMSR of ${value.toString(16)}`);
        assert.equal(yield* guest.rdmsr(index), before, value.toString(16));
      }
    });
  });
}

test("eight variable MTRR pairs are there, and no more", () => {
  ask(function* (guest) {
    const first = msr("IA32_MTRR_PHYSBASE0");
    for (let n = 0; n < 16; n++) assert.equal(yield* guest.wrmsr(first + n, n % 2 === 0 ? 0x1006n : 0x1800n), "done");
    assert.equal(yield* guest.rdmsr(first + 14), 0x1006n);
    assert.equal(yield* guest.rdmsr(first + 16), GP);
  });
});

test("an MSR without a row is #GP for RDMSR and WRMSR: VMX's, SGX's, the counters', x2APIC's in xAPIC mode, a hypervisor's", () => {
  const missing = [
    0x2, 0x34, 0x9b, 0x9e, 0xc1, 0xe7, 0xe8, 0x186, 0x198, 0x19c, 0x1a2, 0x17b, 0x300, 0x345, 0x38f, 0x400, 0x401,
    0x480, 0x48c, 0x491, 0x493, 0x570, 0x6a0, 0x6e1, 0x7ff, 0x800, 0x802, 0x808, 0x83f, 0x982, 0xc80, 0xd90, 0xda0,
    0xfff, 0x1000, 0x14ce, 0x1fff, 0x2000, 0x40000000, 0x4b564cff, 0x4b564d02, 0xbfffffff, 0xc0000000, 0xc000007f,
    0xc0000085, 0xc0000104, 0xc000017f, 0xc0000180, 0xc0001fff, 0xc0010014, 0xffffffff,
  ];
  ask(function* (guest) {
    for (const index of missing) {
      assert.equal(yield* guest.rdmsr(index), GP, index.toString(16));
      assert.equal(yield* guest.wrmsr(index, 0n), GP, index.toString(16));
    }
  });
});

test("AMD's SYSCFG, HWCR and interrupt-pending message read 0 and ignore writes on AMD's processors, and are #GP elsewhere", () => {
  ask(function* (guest) {
    for (const index of [0xc0010010, 0xc0010015, 0xc0010055]) {
      const [value, outcome] = isVmx() ? [GP, GP] : [0n, "done"];
      assert.equal(yield* guest.wrmsr(index, 1n), outcome, index.toString(16));
      assert.equal(yield* guest.rdmsr(index), value, index.toString(16));
    }
  });
});

test("RDMSR takes its MSR from ECX alone, and clears the upper halves of RAX and RDX", () => {
  ask(function* (guest) {
    const dirty = 0xffffffff00000000n;
    const registers = { rcx: dirty | BigInt(msr("IA32_MTRRCAP")), rax: dirty, rdx: dirty };
    const answer = yield* guest.exit({ reason: 31, instructionLength: 2, registers });
    assert.deepEqual([answer.eax, answer.edx], [0x508n, 0n]);
  });
});

onVmx("WRMSR to the counter or to IA32_TSC_ADJUST moves the guest's counter, and each shows in the other", () => {
  ask(function* (guest) {
    const offset = (): bigint => guest.read("TSC_OFFSET");
    const start = offset();
    assert.ok(BigInt.asIntN(64, start) < 0n, "the guest's counter starts at 0");
    const adjust = msr("IA32_TSC_ADJUST");
    assert.equal(yield* guest.rdmsr(adjust), 0n);
    assert.equal(yield* guest.wrmsr(adjust, 1000n), "done");
    assert.equal(offset(), BigInt.asUintN(64, start + 1000n));
    const counter = msr("IA32_TIME_STAMP_COUNTER");
    const now = yield* guest.rdmsr(counter);
    assert.ok(typeof now === "bigint" && now >= 1000n && now < 2000n, String(now));
    assert.equal(yield* guest.wrmsr(counter, 0x123456789an), "done");
    const later = yield* guest.rdmsr(counter);
    assert.ok(typeof later === "bigint" && later > 0x123456789an && later < 0x123456789an + 100n, String(later));
    const shown = yield* guest.rdmsr(adjust);
    assert.equal(shown, BigInt.asUintN(64, offset() - start), "TSC_ADJUST holds the sum of all changes");
  });
});

test("IA32_EFER's NXE changes drop the guest's linear translations", () => {
  const run = ask(function* (guest) {
    yield* guest.wrmsr(msr("IA32_EFER"), 0x500n);
    yield* guest.cpuid(0);
  });
  assert.equal(linearFlushes(run.machine), 2, "one before the first entry");
});

onVmx("speculation controls are there where CPUID shows them, and act on the processor", () => {
  const icelake = cpuModel("corei7_icelake_u");
  const run = ask(
    function* (guest) {
      const control = msr("IA32_SPEC_CTRL");
      assert.equal(yield* guest.rdmsr(control), 0n);
      for (const value of [1n, 2n, 4n, 7n, 0n, 5n]) {
        assert.equal(yield* guest.wrmsr(control, value), "done");
        assert.equal(yield* guest.rdmsr(control), value);
        assert.equal(guest.guest.processor.msrs.get(control), value);
      }
      for (const value of [8n, 0x100n, 1n << 63n]) assert.equal(yield* guest.wrmsr(control, value), GP);
      for (const name of ["IA32_PRED_CMD", "IA32_FLUSH_CMD"]) {
        assert.equal(yield* guest.rdmsr(msr(name)), GP);
        assert.equal(yield* guest.wrmsr(msr(name), 1n), "done");
        assert.equal(yield* guest.wrmsr(msr(name), 2n), GP);
      }
      assert.equal(yield* guest.rdmsr(msr("IA32_ARCH_CAPABILITIES")), 0x8000063n, "no TSX_CTRL, no L1D");
      assert.equal(yield* guest.wrmsr(msr("IA32_ARCH_CAPABILITIES"), 0n), GP);
    },
    { cpu: icelake.withMsr("IA32_ARCH_CAPABILITIES", 0xa0000ebn) },
  );
  const written = run.machine.trace.filter((step) => /^WRMSR (49|10b) /.test(step));
  assert.deepEqual(written, ["WRMSR 49 1", "WRMSR 10b 1"]);
  ask(function* (guest) {
    for (const name of ["IA32_SPEC_CTRL", "IA32_PRED_CMD", "IA32_FLUSH_CMD", "IA32_ARCH_CAPABILITIES"]) {
      assert.equal(yield* guest.rdmsr(msr(name)), GP, `${name} on a Skylake without them`);
      assert.equal(yield* guest.wrmsr(msr(name), 1n), GP, name);
    }
  });
});

onVmx(
  "where the CPU does not save and load IA32_EFER and IA32_PAT, a guest has the host's and cannot change them",
  () => {
    let cpu = skylake.denying("ENTRY", control("ENTRY_LOAD_IA32_EFER") | control("ENTRY_LOAD_IA32_PAT"));
    cpu = cpu.denying("EXIT", control("EXIT_LOAD_IA32_EFER") | control("EXIT_LOAD_IA32_PAT"));
    ask(
      function* (guest) {
        for (const [name, value, other] of [
          ["IA32_EFER", 0xd00n, 0xd01n],
          ["IA32_PAT", 0x0007040600070406n, WB],
        ] as const) {
          assert.equal(yield* guest.rdmsr(msr(name)), value);
          assert.equal(yield* guest.wrmsr(msr(name), value), "done");
          assert.equal(yield* guest.wrmsr(msr(name), other), GP);
        }
      },
      { cpu },
    );
  },
);

/** The MSRs whose reads and writes do not exit, by the bitmap that the VMCS names. */
function passed(cpu = skylake): { reads: number[]; writes: number[] } {
  const found = { reads: [] as number[], writes: [] as number[] };
  const machine = new Machine({
    commandLine: "guest=hlt iterations=1",
    cpu,
    scripts: [
      function* (guest) {
        const page = machine.memory.read(guest.vmcs.read(0x2004), 4096);
        for (let bit = 0; bit < 32768; bit++) {
          if (((page[bit >> 3]! >> (bit & 7)) & 1) === 1) continue;
          const index = (bit % 8192) + (Math.floor(bit / 8192) % 2) * 0xc0000000;
          (bit < 16384 ? found.reads : found.writes).push(index);
        }
        yield* { [Symbol.iterator]: () => listed(hlt)(guest) };
      },
    ],
  });
  assertEnd(machine.run(), "ok");
  return found;
}

onVmx("no MSR but those that the processor holds for the guest is passed to it", () => {
  const own = [
    ...["IA32_SYSENTER_CS", "IA32_SYSENTER_ESP", "IA32_SYSENTER_EIP", "IA32_PAT", "IA32_STAR", "IA32_LSTAR"],
    ...["IA32_CSTAR", "IA32_FMASK", "IA32_FS_BASE", "IA32_GS_BASE", "IA32_KERNEL_GS_BASE", "IA32_TSC_AUX"],
  ].map(msr);
  const sorted = (indices: number[]): number[] => indices.sort((a, b) => a - b);
  const readOnly = [msr("IA32_TIME_STAMP_COUNTER"), msr("IA32_EFER")];
  assert.deepEqual(sorted(passed().writes), sorted([...own]));
  assert.deepEqual(sorted(passed().reads), sorted([...own, ...readOnly]));
  const commands = [msr("IA32_PRED_CMD"), msr("IA32_FLUSH_CMD")];
  assert.deepEqual(sorted(passed(cpuModel("corei7_icelake_u")).writes), sorted([...own, ...commands]));
  const withoutPat = skylake.denying("ENTRY", control("ENTRY_LOAD_IA32_PAT") | control("ENTRY_LOAD_IA32_EFER"));
  const without = passed(withoutPat);
  assert.ok(!without.reads.includes(msr("IA32_EFER")));
  assert.ok(!without.writes.includes(msr("IA32_PAT")));
});

onVmx("a CPU without MSR bitmaps runs guests all the same", () => {
  const cpu = skylake.denying("PROCBASED", control("PRIMARY_USE_MSR_BITMAPS"));
  assertEnd(boot({ commandLine: "guest=hlt iterations=1", cpu }), "ok");
});
