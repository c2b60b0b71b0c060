// Writes of CR0, CR3, CR4 and XCR0 that exit, held against the SDM's rules written down a second time.
import assert from "node:assert/strict";
import { ask, type Asker } from "./machine/ask.ts";
import { cpuModel, skylake } from "./machine/cpu-model.ts";
import { control, reason } from "./machine/tables.ts";
import { onVmx, test } from "./vendors.ts";

const GP = "#GP(0)";
const bit = (n: number): bigint => 1n << BigInt(n);
const PE = bit(0);
const TS = bit(3);
const ET = bit(4);
const NE = bit(5);
const WP = bit(16);
const AM = bit(18);
const NW = bit(29);
const CD = bit(30);
const PG = bit(31);
const PSE = bit(4);
const PAE = bit(5);
const MCE = bit(6);
const PGE = bit(7);
const VMXE = bit(13);
const PCIDE = bit(17);
const OSXSAVE = bit(18);
const SMEP = bit(20);
const LME = bit(8);
const LMA = bit(10);
const NXE = bit(11);
const CS_64 = bit(13);
const CODE_64 = 0xa09bn;
const CODE_32 = 0xc09bn;
const CR0_DEFINED = 0xe005003fn;
const IA32E = control("ENTRY_IA32E_MODE_GUEST");

/** The state that decides: of a guest in the middle of its life. */
interface Mode {
  readonly cr0: bigint;
  readonly cr4: bigint;
  readonly efer: bigint;
  readonly cs: bigint;
  readonly tr: bigint;
}

const modes: Readonly<Record<string, Mode>> = {
  "real mode": { cr0: ET, cr4: 0n, efer: 0n, cs: 0x809bn, tr: 0x8bn },
  "protected mode": { cr0: PE | ET, cr4: 0n, efer: 0n, cs: CODE_32, tr: 0x8bn },
  "32-bit paging": { cr0: PE | ET | PG, cr4: PSE, efer: 0n, cs: CODE_32, tr: 0x8bn },
  "PAE paging": { cr0: PE | ET | PG, cr4: PAE, efer: NXE, cs: CODE_32, tr: 0x8bn },
  "protected mode, LME and PAE": { cr0: PE | ET, cr4: PAE, efer: LME, cs: CODE_32, tr: 0x8bn },
  "protected mode, LME without PAE": { cr0: PE | ET, cr4: 0n, efer: LME, cs: CODE_32, tr: 0x8bn },
  "the same with a 16-bit TSS": { cr0: PE | ET, cr4: PAE, efer: LME, cs: CODE_32, tr: 0x83n },
  "the same with CS.L": { cr0: PE | ET, cr4: PAE, efer: LME, cs: CODE_64, tr: 0x8bn },
  "compatibility mode": { cr0: PE | ET | PG, cr4: PAE, efer: LME | LMA, cs: CODE_32, tr: 0x8bn },
  "64-bit mode": { cr0: PE | ET | PG | WP, cr4: PAE, efer: LME | LMA, cs: CODE_64, tr: 0x8bn },
  "64-bit mode with PCIDs": { cr0: PE | ET | PG, cr4: PAE | PCIDE, efer: LME | LMA, cs: CODE_64, tr: 0x8bn },
  "compatibility mode with PCIDs": { cr0: PE | ET | PG, cr4: PAE | PCIDE, efer: LME | LMA, cs: CODE_32, tr: 0x8bn },
};

/** #GP has no error code in real mode (SDM 3A 6.13). */
function outcomeOf(isTaken: boolean, mode: Mode): string {
  if (isTaken) return "done";
  return any(mode.cr0, PE) ? GP : "#GP";
}

/** Puts the guest into a mode, as if it had got there by itself. */
function enter(guest: Asker, mode: Mode, cr3 = 0x5000n): void {
  guest.write("GUEST_CR0", mode.cr0 | NE);
  guest.write("CR0_READ_SHADOW", mode.cr0);
  guest.write("GUEST_CR4", mode.cr4 | VMXE | MCE);
  guest.write("CR4_READ_SHADOW", mode.cr4);
  guest.write("GUEST_CR3", cr3);
  guest.write("GUEST_IA32_EFER", mode.efer);
  guest.write("GUEST_CS_ACCESS_RIGHTS", mode.cs);
  guest.write("GUEST_TR_ACCESS_RIGHTS", mode.tr);
  const controls = guest.read("VM_ENTRY_CONTROLS") & ~IA32E;
  guest.write("VM_ENTRY_CONTROLS", mode.efer & LMA ? controls | IA32E : controls);
}

const all = (value: bigint, bits: bigint): boolean => (value & bits) === bits;
const any = (value: bigint, bits: bigint): boolean => (value & bits) !== 0n;

/** SDM 2B, "MOV to/from control registers", and 3A 2.5, 4.1 and 10.8.5: whether MOV to CR0 is taken. */
function cr0IsTaken(mode: Mode, operand: bigint): boolean {
  const is64Bit = all(mode.efer, LMA) && all(mode.cs, CS_64);
  const value = is64Bit ? operand : operand & 0xffffffffn;
  if (value >> 32n !== 0n) return false;
  if (any(value, PG) && !any(value, PE)) return false;
  if (any(value, NW) && !any(value, CD)) return false;
  const entersLongMode = any(value, PG) && !any(mode.cr0, PG) && any(mode.efer, LME);
  if (entersLongMode && (!any(mode.cr4, PAE) || any(mode.cs, CS_64) || mode.tr === 0x83n)) return false;
  const leavesPaging = !any(value, PG) && any(mode.cr0, PG);
  return !(leavesPaging && (is64Bit || any(mode.cr4, PCIDE)));
}

const cr0Values: bigint[] = [];
for (const pe of [0n, PE]) {
  for (const pg of [0n, PG]) {
    for (const cache of [0n, CD, NW, CD | NW]) {
      for (const others of [0n, NE | ET, WP | AM | TS, 0x1ffaffc0n]) cr0Values.push(pe | pg | cache | others);
    }
  }
}
cr0Values.push(bit(32) | PE | PG, bit(63) | PE | PG, 0xffffffff_80000001n);

for (const [name, mode] of Object.entries(modes)) {
  onVmx(`in ${name} MOV to CR0 is taken or #GP as the SDM says, and the mode follows`, () => {
    ask(function* (guest) {
      const start = modes["64-bit mode"]!;
      for (const operand of cr0Values) {
        enter(guest, mode);
        const what = `CR0 ${operand.toString(16)}`;
        const isTaken = cr0IsTaken(mode, operand);
        assert.equal(yield* guest.writeControlRegister(0, operand), outcomeOf(isTaken, mode), what);
        const expected = isTaken ? (operand & CR0_DEFINED) | ET : mode.cr0;
        assert.equal(guest.seen("CR0"), expected, what);
        assert.equal(guest.read("GUEST_CR0"), (expected & ~(NW | CD)) | NE, what);
        const isLong = any(expected, PG) && any(mode.efer, LME);
        assert.equal(guest.read("GUEST_IA32_EFER"), isLong ? mode.efer | LMA : mode.efer & ~LMA, what);
        assert.equal(any(guest.read("VM_ENTRY_CONTROLS"), IA32E), isLong, what);
        enter(guest, start);
      }
    });
  });
}

/** SDM 3A 2.5: whether MOV to CR4 is taken. */
function cr4IsTaken(mode: Mode, value: bigint, cr3: bigint): boolean {
  const isLong = any(mode.efer, LMA);
  if (any(value, ~supportedCr4)) return false;
  if (isLong && !any(value, PAE)) return false;
  return !(any(value, PCIDE) && !any(mode.cr4, PCIDE) && (!isLong || any(cr3, 0xfffn)));
}
// VME, PVI, TSD, DE, PSE, PAE, MCE, PGE, PCE, OSFXSR, OSXMMEXCPT, FSGSBASE, PCIDE, OSXSAVE, SMEP, SMAP of a Skylake-X.
const supportedCr4 = 0x7ffn | bit(16) | bit(17) | bit(18) | bit(20) | bit(21);

for (const [name, mode] of Object.entries(modes)) {
  onVmx(`in ${name} MOV to CR4 is taken or #GP as the SDM says`, () => {
    ask(function* (guest) {
      const values = [
        0n,
        mode.cr4,
        PAE,
        PAE | PGE,
        PAE | PCIDE,
        PCIDE,
        PAE | OSXSAVE | SMEP,
        PSE,
        0x7ffn,
        supportedCr4,
      ];
      for (let n = 0; n < 32; n++) values.push(PAE | bit(n), mode.cr4 ^ bit(n));
      if (mode.cs === CODE_64 && any(mode.efer, LMA)) values.push(PAE | bit(32), PAE | bit(63));
      for (const cr3 of [0x5000n, 0x5018n]) {
        for (const value of values) {
          enter(guest, mode, cr3);
          const what = `CR4 ${value.toString(16)}, CR3 ${cr3.toString(16)}`;
          const isTaken = cr4IsTaken(mode, value, cr3);
          assert.equal(yield* guest.writeControlRegister(4, value), outcomeOf(isTaken, mode), what);
          const expected = isTaken ? value : mode.cr4;
          assert.equal(guest.seen("CR4"), expected, what);
          assert.equal(guest.read("GUEST_CR4"), expected | VMXE | MCE, what);
          enter(guest, modes["64-bit mode"]!);
        }
      }
    });
  });
}

onVmx(
  "a bit of CR4 that CPUID does not show exits, so that it is #GP, and the others but OSXSAVE and PKE do not",
  () => {
    ask(function* (guest) {
      const mask = guest.read("CR4_GUEST_HOST_MASK");
      assert.equal(mask, BigInt.asUintN(64, ~supportedCr4) | MCE | OSXSAVE);
      assert.equal(guest.read("CR0_GUEST_HOST_MASK"), NE | NW | CD);
      yield* guest.cpuid(0);
    });
  },
);

onVmx("CR4.VMXE and CR4.SMXE cannot be set", () => {
  ask(function* (guest) {
    for (const value of [PAE | VMXE, PAE | bit(14)]) assert.equal(yield* guest.writeControlRegister(4, value), GP);
    assert.equal(guest.seen("CR4"), PAE);
  });
});

/** The PDPTEs lie at guest-physical 0x5000 of the guest's RAM. */
function writePdptes(guest: Asker, entries: readonly bigint[], address = 0x5000n): void {
  const host = guest.guest.hostAddress(address);
  assert.ok(host !== null);
  const bytes = Buffer.alloc(32);
  entries.forEach((entry, n) => bytes.writeBigUInt64LE(entry, 8 * n));
  guest.guest.writeHost(host, bytes);
}

onVmx("PAE paging loads the PDPTEs where CR0, CR3 or CR4 bring it in, and a reserved bit is #GP", () => {
  const good = [0x6001n, 0x7019n, 0x8006n, 0xfffffffffffffffen];
  const bad = [0x6003n, 0x6005n, 0x6021n, 0x6101n, bit(40) | 1n, bit(63) | 1n];
  const protectedPae = { ...modes["protected mode"]!, cr4: PAE };
  const pae = modes["PAE paging"]!;
  const paging32 = modes["32-bit paging"]!;
  const cases: readonly (readonly [Mode, number, bigint])[] = [
    [protectedPae, 0, PE | PG],
    [pae, 0, PE | PG | CD],
    [pae, 3, 0x5000n],
    [pae, 4, PAE | PGE],
    [pae, 4, PAE | SMEP],
    [paging32, 4, PSE | PAE],
  ];
  ask(function* (guest) {
    for (const [mode, number, value] of cases) {
      const what = `CR${number} ${value.toString(16)}`;
      enter(guest, mode);
      for (let n = 0; n < 4; n++) guest.write(`GUEST_PDPTE${n}`, 0n);
      writePdptes(guest, good);
      assert.equal(yield* guest.writeControlRegister(number, value), "done", what);
      assert.deepEqual(
        [0, 1, 2, 3].map((n) => guest.read(`GUEST_PDPTE${n}`)),
        good,
        what,
      );
      for (const entry of bad) {
        for (const place of [0, 3]) {
          enter(guest, mode);
          writePdptes(guest, good.with(place, entry));
          assert.equal(
            yield* guest.writeControlRegister(number, value),
            GP,
            `${what}, PDPTE${place} ${entry.toString(16)}`,
          );
          assert.equal(guest.seen("CR0"), mode.cr0);
          assert.equal(guest.seen("CR4"), mode.cr4);
        }
      }
      enter(guest, modes["64-bit mode"]!);
    }
    enter(guest, pae);
    writePdptes(guest, bad.slice(0, 4));
    assert.equal(yield* guest.writeControlRegister(4, PAE | bit(2)), "done", "TSD does not load them");
    enter(guest, modes["64-bit mode"]!);
  });
});

onVmx("CLTS and LMSW change what they may", () => {
  ask(function* (guest) {
    const access = (qualification: bigint) => ({
      reason: reason("EXIT_REASON_CONTROL_REGISTER_ACCESS"),
      instructionLength: 3,
      qualification,
    });
    const mode = modes["protected mode"]!;
    enter(guest, { ...mode, cr0: mode.cr0 | TS });
    assert.equal((yield* guest.exit(access(0x20n))).outcome, "done");
    assert.equal(guest.seen("CR0"), mode.cr0);
    for (const [source, result] of [
      [0x0n, PE | ET],
      [0xfn, PE | 0xen | ET],
      [0xfff0n, PE | ET],
      [0x8n, PE | TS | ET],
    ] as const) {
      enter(guest, mode);
      assert.equal((yield* guest.exit(access(0x30n | (source << 16n)))).outcome, "done");
      assert.equal(guest.seen("CR0"), result, `LMSW ${source.toString(16)}`);
    }
    enter(guest, modes["64-bit mode"]!);
  });
});

onVmx("MOV to CR3, where it exits, refuses bits beyond MAXPHYADDR, and takes bit 63 with PCIDs", () => {
  ask(function* (guest) {
    const long = modes["64-bit mode"]!;
    const withPcids = modes["64-bit mode with PCIDs"]!;
    const cases = [
      [long, 0x7000n, 0x7000n],
      [long, 0xff_ffff_ffffn, 0xff_ffff_ffffn],
      [long, bit(40), null],
      [long, bit(61), null],
      [long, bit(63) | 0x7000n, null],
      [withPcids, bit(63) | 0x7001n, 0x7001n],
      [withPcids, 0x7fffn, 0x7fffn],
      [withPcids, bit(62), null],
      [modes["32-bit paging"]!, 0xffff_ffff_0000_7000n, 0x7000n],
    ] as const;
    for (const [mode, value, result] of cases) {
      enter(guest, mode);
      assert.equal(yield* guest.writeControlRegister(3, value), result === null ? GP : "done", value.toString(16));
      assert.equal(guest.read("GUEST_CR3"), result ?? 0x5000n);
    }
    enter(guest, { ...long }, 0x123000n);
    yield* guest.exit({ reason: 28, instructionLength: 3, qualification: 0x13n | (6n << 8n) });
    assert.equal(guest.guest.registers.get("rsi"), 0x123000n);
  });
});

onVmx("what changes the guest's paging behind the processor drops the translations of its VPID", () => {
  const drops = (question: (guest: Asker) => ReturnType<Asker["writeControlRegister"]>): number => {
    const run = ask(function* (guest) {
      assert.equal(yield* question(guest), "done");
      yield* guest.cpuid(0);
    });
    return run.machine.trace.filter((step) => step.startsWith("INVVPID")).length - 1;
  };
  assert.equal(
    drops((guest) => guest.writeControlRegister(4, PAE | PGE)),
    1,
  );
  assert.equal(
    drops((guest) => guest.writeControlRegister(4, PAE | OSXSAVE)),
    0,
  );
  assert.equal(
    drops((guest) => guest.writeControlRegister(3, 0x7000n)),
    1,
  );
  assert.equal(
    drops((guest) => guest.writeControlRegister(0, PE | PG | CD)),
    0,
  );
});

/** SDM 1 13.3: of X87, SSE, AVX, BNDREGS, BNDCSR, opmask, ZMM_Hi256, Hi16_ZMM, PT, PKRU. */
function xcr0IsTaken(value: number, supported: number): boolean {
  const has = (n: number): boolean => ((value >> n) & 1) === 1;
  if ((value & ~supported) !== 0 || !has(0)) return false;
  if (has(2) && !has(1)) return false;
  const avx512 = [5, 6, 7].filter(has).length;
  return avx512 === 0 || (avx512 === 3 && has(2));
}

for (const [name, supported] of [
  ["corei7_sandy_bridge_2600k", 0x7],
  ["corei7_skylake_x", 0xe7],
  ["corei7_icelake_u", 0x2e7],
] as const) {
  test(`on a ${name} XSETBV takes the values of XCR0 that the SDM allows, of all 1024, and no other register`, () => {
    ask(
      function* (guest) {
        for (let value = 0; value < 1024; value++) {
          const outcome = yield* guest.xsetbv(BigInt(value));
          assert.equal(outcome, xcr0IsTaken(value, supported) ? "done" : GP, `XCR0 ${value.toString(16)}`);
        }
        for (const value of [bit(17) | 1n, bit(18) | 1n, bit(63) | 1n, bit(32) | 1n]) {
          assert.equal(yield* guest.xsetbv(value), GP);
        }
        for (const register of [1n, 2n, 0xffffffffn]) assert.equal(yield* guest.xsetbv(1n, register), GP);
        assert.equal(yield* guest.xsetbv(3n), "done");
        assert.equal(guest.guest.processor.extended.xcr0, 3n, "it is in force");
      },
      { cpu: cpuModel(name) },
    );
  });
}

test("XSETBV at a privilege level above 0 is #GP", () => {
  ask(function* (guest) {
    guest.write("GUEST_SS_ACCESS_RIGHTS", 0xc0f3n);
    guest.write("GUEST_CS_ACCESS_RIGHTS", 0xa0fbn);
    const outcome = yield* guest.xsetbv(1n);
    guest.write("GUEST_SS_ACCESS_RIGHTS", 0xc093n);
    guest.write("GUEST_CS_ACCESS_RIGHTS", CODE_64);
    assert.equal(outcome, GP);
    yield* guest.cpuid(0);
  });
});

onVmx(
  "VMX, SMX and SGX instructions, MONITOR and MWAIT are #UD, RDPMC is #GP, INVD, WBINVD and PAUSE do nothing",
  () => {
    const undefinedOnes = [
      ...["GETSEC", "VMCLEAR", "VMLAUNCH", "VMPTRLD", "VMPTRST", "VMREAD", "VMRESUME", "VMWRITE", "VMXOFF", "VMXON"],
      ...["MWAIT", "MONITOR", "INVEPT", "INVVPID", "ENCLS", "ENCLV", "SEAMCALL", "TDCALL"],
      ...["RDMSR_IMMEDIATE", "WRMSRNS_IMMEDIATE"],
    ];
    ask(function* (guest) {
      const outcome = function* (name: string) {
        return (yield* guest.exit({ reason: reason(`EXIT_REASON_${name}`), instructionLength: 3 })).outcome;
      };
      for (const name of undefinedOnes) assert.equal(yield* outcome(name), "#UD", name);
      assert.equal(yield* outcome("RDPMC"), GP);
      for (const name of ["INVD", "WBINVD", "PAUSE"]) assert.equal(yield* outcome(name), "done", name);
    });
  },
);

onVmx("a CPU that cannot leave CR3 alone runs guests all the same", () => {
  const cpu = skylake.withMsr("IA32_VMX_BASIC", skylake.msr("IA32_VMX_BASIC") & ~(1n << 55n));
  ask(
    function* (guest) {
      assert.equal(yield* guest.writeControlRegister(3, 0x2000n), "done");
      assert.equal(guest.read("GUEST_CR3"), 0x2000n);
      guest.write("GUEST_CR3", 0x2000n);
    },
    { cpu },
  );
});
