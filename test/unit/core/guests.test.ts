// The guests of the cases on the simulated machine: their VMCS, their exits, and which CPUs they run on.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe } from "node:test";
import { assertEnd, complaints } from "./assertions.ts";
import { cpuModel, skylake, type CpuModel } from "./machine/cpu-model.ts";
import { io, listed, rdtsc, vmcall, type Exit, type Script } from "./machine/exits.ts";
import { GDT, IDT, mirrorCode, MIRROR_CODE, PML4, TSS } from "./machine/host-tables.ts";
import { interpreted } from "./machine/interpreter.ts";
import { boot, Machine, type Run } from "./machine/machine.ts";
import { control, field, msr } from "./machine/tables.ts";
import { vmcsOf, type Vmcs } from "./machine/vmcs.ts";
import { controlIsOn } from "./machine/vm-entry.ts";
import { exitName, exits, isVmx, onVmx, test, word } from "./vendors.ts";

const penryn = cpuModel("core2_penryn_t9600");
const lynnfield = cpuModel("corei5_lynnfield_750");

const PRIMARY = "PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS";
const SECONDARY = "SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS";

/** Runs one guest, and keeps its VMCS as it was before the first VM entry's guest changed anything. */
function runAndKeep(
  commandLine: string,
  cpu: CpuModel = skylake,
): { run: Run; fields: (name: string) => bigint; vmcs: Vmcs } {
  let kept: { vmcs: Vmcs; fields: Map<string, bigint> } | undefined;
  const script: Script = (guest) => {
    const vmcs = vmcsOf(guest);
    const fields = new Map(interesting.map((name) => [name, vmcs.read(field(name))]));
    kept ??= { vmcs, fields };
    return interpreted(guest);
  };
  const run = boot({ commandLine, cpu, scripts: [script] });
  assert.ok(kept, run.lines.join("\n"));
  const { vmcs, fields } = kept;
  return { run, vmcs, fields: (name) => fields.get(name)! };
}

const segments = ["ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"];
const interesting = [
  ...segments.flatMap((name) => ["SELECTOR", "BASE", "LIMIT", "ACCESS_RIGHTS"].map((part) => `GUEST_${name}_${part}`)),
  ...[
    "GUEST_GDTR_BASE",
    "GUEST_GDTR_LIMIT",
    "GUEST_IDTR_BASE",
    "GUEST_IDTR_LIMIT",
    "GUEST_CR0",
    "GUEST_CR3",
    "GUEST_CR4",
  ],
  ...["GUEST_DR7", "GUEST_RIP", "GUEST_RSP", "GUEST_RFLAGS", "GUEST_IA32_PAT", "GUEST_IA32_EFER", "VMCS_LINK_POINTER"],
  ...["GUEST_IA32_SYSENTER_CS", "GUEST_IA32_SYSENTER_ESP", "GUEST_IA32_SYSENTER_EIP", "EPT_POINTER"],
  ...["CR0_GUEST_HOST_MASK", "CR4_GUEST_HOST_MASK", "CR0_READ_SHADOW", "CR4_READ_SHADOW", PRIMARY, SECONDARY],
  ...["VM_ENTRY_CONTROLS", "PRIMARY_VM_EXIT_CONTROLS", "VMX_PREEMPTION_TIMER_VALUE"],
];

/** Runs a guest with VMWRITEs of core's going to another field, or with another value. */
function runWithMistake(commandLine: string, change: (encoding: number, value: bigint) => [number, bigint]): Run {
  const prepare = ({ vmx }: Machine): void => {
    const vmwrite = vmx.vmwrite.bind(vmx);
    vmx.vmwrite = (encoding, value) => vmwrite(...change(encoding, value));
  };
  return boot({ commandLine, prepare });
}

/** A segment register as the VMCS has it: selector, base, limit, access rights. */
function segment(fields: (name: string) => bigint, name: string): bigint[] {
  return ["SELECTOR", "BASE", "LIMIT", "ACCESS_RIGHTS"].map((part) => fields(`GUEST_${name}_${part}`));
}

for (const guest of ["mirror", "rdtsc", "ept", "real"]) {
  test(`the guest ${guest} ends ok, with no field left as the CPU found it in memory`, () => {
    const { run, vmcs } = runAndKeep(`guest=${guest} iterations=5`);
    assertEnd(run, "ok", /^basalt: vm0: ended: ok, /);
    assert.deepEqual(complaints(run), []);
    assert.deepEqual([...vmcs.undefinedReads], []);
    assert.deepEqual(run.machine.entry.brokenRules, []);
  });
}

describe("the guest mirror", () => {
  test("has the host's segments, with null selectors as unusable ones", () => {
    const { fields } = runAndKeep("guest=mirror");
    const data = [0x10n, 0n, 0xffffffffn, 0xc093n];
    const unusable = [0n, 0n, 0n, 0x10000n];
    const expected = [data, [0x08n, 0n, 0xffffffffn, 0xa09bn], data, data, unusable, unusable, unusable];
    assert.deepEqual(
      segments.map((name) => segment(fields, name)),
      [...expected, [0x18n, TSS.base, BigInt(TSS.limit), 0x8bn]],
    );
  });

  test("has the host's tables, control registers, debug register, flags and MSRs", () => {
    const { run, fields } = runAndKeep("guest=mirror");
    const { processor } = run.machine;
    const expected: Record<string, bigint> = {
      GUEST_GDTR_BASE: GDT.base,
      GUEST_GDTR_LIMIT: BigInt(GDT.limit),
      GUEST_IDTR_BASE: IDT.base,
      GUEST_IDTR_LIMIT: BigInt(IDT.limit),
      GUEST_CR0: 0x80010033n,
      GUEST_CR3: PML4,
      // VMXE, PAE, and what core saves the state of guests with: OSFXSR and OSXSAVE.
      GUEST_CR4: 0x42220n,
      GUEST_DR7: 0x400n,
      GUEST_RFLAGS: processor.rflags,
      GUEST_RIP: MIRROR_CODE,
      GUEST_IA32_PAT: processor.rdmsr(msr("IA32_PAT")),
      GUEST_IA32_EFER: processor.rdmsr(msr("IA32_EFER")),
      GUEST_IA32_SYSENTER_CS: processor.rdmsr(msr("IA32_SYSENTER_CS")),
      GUEST_IA32_SYSENTER_ESP: processor.rdmsr(msr("IA32_SYSENTER_ESP")),
      GUEST_IA32_SYSENTER_EIP: processor.rdmsr(msr("IA32_SYSENTER_EIP")),
      VMCS_LINK_POINTER: 0xffffffffffffffffn,
    };
    for (const [name, value] of Object.entries(expected)) assert.equal(fields(name), value, name);
  });

  test("makes one VM exit, by VMCALL, and its area is given back", () => {
    const run = boot({ commandLine: "guest=mirror" });
    assertEnd(
      run,
      "ok",
      new RegExp(`^basalt: vm0: guest mirror, in Basalt's own memory, with ${word("nestedPaging")}$`),
      new RegExp(`^basalt: vm0: ended: ok, 1 VM entries, final RIP 0x0000000000104f9${isVmx() ? "a" : "d"}$`),
      exits("hypercall", 1),
    );
    const given =
      /^basalt: vm0: back in the host: its state is given up, and its area, with \d+ pages and \d+ bytes of obj/;
    assert.equal(run.lines.filter((line) => given.test(line)).length, 1);
    assert.equal(run.machine.areas.size, 0);
    assert.deepEqual(run.machine.vmms.calls, [], "it needs no vmm");
  });

  test("sees Basalt's image where it is, and nothing else of the machine", () => {
    const seen: [bigint, bigint | null][] = [];
    const script: Script = function* (guest) {
      const { imageStart, imageEnd } = machine;
      for (const address of [0n, imageStart - 1n, imageStart, imageEnd - 1n, imageEnd, 0x10000000n, 0xfee00000n]) {
        seen.push([address, guest.hostAddress(address)]);
      }
      yield vmcall;
    };
    const machine = new Machine({ commandLine: "guest=mirror", scripts: [script] });
    assertEnd(machine.run(), "ok");
    for (const [address, host] of seen) {
      const isImage = address >= machine.imageStart && address < machine.imageEnd;
      assert.equal(host, isImage ? address : null, address.toString(16));
    }
  });

  onVmx("runs without EPT and VPID where the CPU has neither, even without secondary controls", () => {
    const bare = penryn
      .denying("PROCBASED", control("PRIMARY_ACTIVATE_SECONDARY_CONTROLS"))
      .withMsr("IA32_VMX_PROCBASED_CTLS2", null);
    for (const cpu of [penryn, bare]) {
      const { run, vmcs } = runAndKeep("guest=mirror", cpu);
      assertEnd(run, "ok", /vm0: guest mirror, in Basalt's own memory, without EPT$/, exits("hypercall", 1));
      assert.equal(controlIsOn(vmcs, SECONDARY, "SECONDARY_ENABLE_EPT"), false);
      assert.ok(!run.machine.trace.some((step) => /^INV/.test(step)));
    }
  });

  test("that cannot reach its code is reported, not resumed", () => {
    const prepare = ({ memory }: Machine): void => memory.write(PML4, new Uint8Array(8));
    assertEnd(boot({ commandLine: "guest=mirror", prepare }), "triple-fault");
  });

  test("executes what boot/vm_entry.asm has", () => {
    const words = ["-b", "64", "-o", String(MIRROR_CODE), "-"];
    const listing = execFileSync("ndisasm", words, { input: mirrorCode, encoding: "utf8" });
    const lines = listing
      .trim()
      .split("\n")
      .map((line) => line.replace(/^\S+\s+\S+\s+/, ""));
    const call = ["test ebx,ebx", "jnz 0x104f9d", "vmcall", "vmmcall"];
    assert.deepEqual(lines, ["jrcxz 0x104f96", "rdtsc", "loop 0x104f90", ...call]);
  });
});

describe("the guest rdtsc", () => {
  test("exits at each RDTSC, as often as iterations says, up to 1000", () => {
    for (const [iterations, count] of [
      [1, 1],
      [7, 7],
      [1000, 1000],
      [1001, 1000],
      [1000000, 1000],
    ]) {
      const run = boot({ commandLine: `guest=rdtsc iterations=${iterations}` });
      assertEnd(run, "ok", exits("rdtsc", count!), exits("hypercall", 1));
    }
  });

  test("gets the time-stamp counter in EDX and EAX, the upper halves cleared, and goes on behind the instruction", () => {
    const seen: bigint[][] = [];
    const dirty = 0xffffffffffffffffn;
    const script: Script = function* (guest) {
      for (let i = 0; i < 2; i++) {
        yield { ...rdtsc, registers: { rax: dirty, rdx: dirty } };
        seen.push([guest.registers.get("rax"), guest.registers.get("rdx"), guest.rip - MIRROR_CODE]);
      }
      yield vmcall;
    };
    assertEnd(boot({ commandLine: "guest=rdtsc", scripts: [script] }), "ok");
    const [[first = 0n] = [], [second = 0n] = []] = seen;
    assert.ok(first > 0n && second > first, "the counter runs");
    assert.deepEqual(
      seen.map(([, rdx, offset]) => [rdx, offset]),
      [
        [0n, 2n],
        [0n, 4n],
      ],
    );
  });

  onVmx("is refused by name where the CPU cannot make RDTSC exit, and mirror runs there", () => {
    const cpu = skylake.denying("PROCBASED", control("PRIMARY_RDTSC_EXITING"));
    const run = boot({ commandLine: "guest=rdtsc,mirror", cpu });
    assertEnd(run, "control-unsupported", /"RDTSC exiting" \(bit 12\)/, /vm1: ended: ok/);
  });

  onVmx("with the case's mistake, GS's access rights at 0x482e, fails with 0x80000021, as the case did", () => {
    const run = runWithMistake("guest=rdtsc iterations=3", (encoding, value) => [
      encoding === 0x481e ? 0x482e : encoding,
      value,
    ]);
    assertEnd(run, "entry-failed-by-state", /exit reason 0x80000021, VM-entry failure due to invalid guest state/);
    assert.deepEqual(run.machine.entry.brokenRules, ["27.3.1.2 data types"]);
  });

  onVmx("with the case's slip, SYSENTER_CS with EFER's value, runs", () => {
    const run = runWithMistake("guest=rdtsc iterations=3", (encoding, value) => [
      encoding,
      encoding === 0x482a ? 0xd01n : value,
    ]);
    assertEnd(run, "ok", exits("rdtsc", 3));
  });
});

describe("the guest ept", () => {
  onVmx("has the controls and the state of the case, as far as the CPU has them", () => {
    const { fields, vmcs } = runAndKeep("guest=ept iterations=1");
    const expected: Record<string, bigint> = {
      GUEST_CR0: 0x80050033n,
      CR0_READ_SHADOW: 0x80050033n,
      CR0_GUEST_HOST_MASK: 0xffffffffffffffffn,
      GUEST_CR4: 0x626e0n & skylake.msr("IA32_VMX_CR4_FIXED1"),
      // But for VMXE, which the guest reads as 0.
      CR4_READ_SHADOW: 0x606e0n & skylake.msr("IA32_VMX_CR4_FIXED1"),
      CR4_GUEST_HOST_MASK: 0xffffffffffffffffn,
      GUEST_RFLAGS: 2n,
      GUEST_IA32_EFER: 0xd01n,
      VMCS_LINK_POINTER: 0xffffffffffffffffn,
    };
    for (const [name, value] of Object.entries(expected)) assert.equal(fields(name), value, name);
    const data = [0n, 0n, 0xffffffffn, 0xa093n];
    assert.deepEqual(
      segments.map((name) => segment(fields, name)),
      [data, [0n, 0n, 0xffffffffn, 0xa09bn], data, data, data, data, [0n, 0n, 0n, 0x82n], [0n, 0n, 0xffn, 0x8bn]],
    );
    assert.equal(fields(SECONDARY), 0xan);
    for (const [word, names] of [
      [PRIMARY, ["PRIMARY_HLT_EXITING", "PRIMARY_ACTIVATE_SECONDARY_CONTROLS"]],
      ["VM_ENTRY_CONTROLS", ["ENTRY_IA32E_MODE_GUEST", "ENTRY_LOAD_IA32_EFER"]],
      ["PRIMARY_VM_EXIT_CONTROLS", ["EXIT_LOAD_IA32_EFER", "EXIT_HOST_ADDRESS_SPACE_SIZE"]],
    ] as const) {
      for (const name of names) assert.ok(controlIsOn(vmcs, word, name), name);
    }
  });

  test("halts as often as iterations says", () => {
    assertEnd(boot({ commandLine: "guest=ept iterations=77" }), "ok", exits("halt", 77));
  });

  onVmx("does so on a CPU without unrestricted guest too", () => {
    assertEnd(boot({ commandLine: "guest=ept iterations=77", cpu: lynnfield }), "ok", exits("halt", 77));
  });

  onVmx(
    "with the case's EPTP, an address that was not shifted back, fails with error 7 on a CPU of 36 address bits",
    () => {
      const [, ...sizes] = skylake.leaf(0x80000008);
      const cpu = skylake.withLeaf(0x80000008, [0x3024, ...sizes] as [number, number, number, number]);
      const eptps: bigint[] = [];
      const withEptp =
        (eptp: bigint | null) =>
        ({ vmx }: Machine): void => {
          const vmwrite = vmx.vmwrite.bind(vmx);
          vmx.vmwrite = (encoding, value) => {
            if (encoding !== field("EPT_POINTER")) return vmwrite(encoding, value);
            eptps.push(eptp ?? value);
            return vmwrite(encoding, eptp ?? value);
          };
        };
      const run = boot({ commandLine: "guest=ept iterations=3", cpu, prepare: withEptp(0x3500200005en) });
      assertEnd(
        run,
        "entry-failed",
        /VMLAUNCH failed: VMfailValid, VM-instruction error 7: VM entry with invalid control/,
      );
      assert.deepEqual(run.machine.entry.brokenRules, ["27.2.1.1 EPTP"]);
      assertEnd(boot({ commandLine: "guest=ept iterations=3", cpu, prepare: withEptp(null) }), "ok");
      assert.equal(eptps[1]! >> 36n, 0n);
    },
  );
});

describe("the guest real", () => {
  test("starts in real mode, in low memory", () => {
    const { fields, vmcs } = runAndKeep("guest=real");
    assert.equal(fields("GUEST_CR0") & 0x80000001n, 0n, "CR0.PE and CR0.PG");
    assert.equal(fields("GUEST_IA32_EFER"), 0n);
    assert.equal(controlIsOn(vmcs, "VM_ENTRY_CONTROLS", "ENTRY_IA32E_MODE_GUEST"), false);
    assert.equal(fields("GUEST_RIP"), 0x7c00n);
    assert.deepEqual(segment(fields, "CS"), [0n, 0n, 0xffffn, 0x9bn]);
    for (const name of ["ES", "SS", "DS", "FS", "GS"])
      assert.deepEqual(segment(fields, name), [0n, 0n, 0xffffn, 0x93n]);
    assert.deepEqual([fields("GUEST_IDTR_BASE"), fields("GUEST_IDTR_LIMIT")], [0n, 0x3ffn]);
  });

  onVmx("fails by its state without unrestricted guest, and by its controls with it and without EPT", () => {
    const without = (name: string): Run =>
      runWithMistake("guest=real", (encoding, value) => [
        encoding,
        encoding === field(SECONDARY) ? value & ~control(name) : value,
      ]);
    const restricted = without("SECONDARY_UNRESTRICTED_GUEST");
    assertEnd(restricted, "entry-failed-by-state", /0x80000021/);
    assert.deepEqual(restricted.machine.entry.brokenRules, ["27.3.1.1 CR0"]);
    const noEpt = without("SECONDARY_ENABLE_EPT");
    assertEnd(noEpt, "entry-failed", /VM-instruction error 7/);
    assert.deepEqual(noEpt.machine.entry.brokenRules, ["27.2.1.1 unrestricted guest needs EPT"]);
  });

  test("prints its line through COM1, byte by byte, and halts", () => {
    const run = boot({ commandLine: "guest=real" });
    assertEnd(run, "ok", /^basalt: vm0: hello from 16-bit real mode$/, exits("halt", 1));
    // The text's 27 letters, a carriage return and a line feed: a poll and an OUT each.
    assertEnd(run, "ok", exits("port", 58));
  });

  test("ends at HLT whether its interrupts are on or off", () => {
    for (const rflags of [0x2n, 0x202n]) {
      const exit: Exit = { reason: 12, instructionLength: 1, fields: { GUEST_RFLAGS: rflags } };
      assertEnd(boot({ commandLine: "guest=real", scripts: [listed(exit)] }), "ok");
    }
  });

  test("finds an IN's value in AL, and the rest of RAX as it was", () => {
    const seen: bigint[] = [];
    const script: Script = function* (guest) {
      yield { ...io(0x3fdn, true), registers: { rax: 0x1122334455667788n } };
      seen.push(guest.registers.get("rax"), guest.rip);
      yield { reason: 12, instructionLength: 1 };
    };
    assertEnd(boot({ commandLine: "guest=real", scripts: [script] }), "ok");
    assert.deepEqual(seen, [0x1122334455667760n, 0x7c01n]);
  });

  test("cannot forge a line of Basalt's, nor send control codes", () => {
    const out = (byte: number): Exit => ({ ...io(0x3f8n, false), registers: { rax: BigInt(byte) } });
    const bytes = [...Buffer.from("\x1b[2Jbasalt: result 0 ok\x80\xff\n", "latin1")];
    const script = listed(...bytes.map(out), { reason: 12, instructionLength: 1 });
    assertEnd(
      boot({ commandLine: "guest=real", scripts: [script] }),
      "ok",
      /^basalt: vm0: \?\[2Jbasalt: result 0 ok\?\?$/,
    );
  });

  test("is stopped by name at a string instruction", () => {
    for (const qualification of [0x3f80010n, 0x3fd0018n, 0x3f80030n]) {
      const exit: Exit = { reason: 30, instructionLength: 1, qualification };
      const run = boot({ commandLine: "guest=real", scripts: [listed(exit)] });
      assertEnd(run, "not-handled", new RegExp(`the vmm has no answer to ${exitName("port")}`));
    }
  });
});

describe("each guest's own needs decide", () => {
  const cases: readonly (readonly [string, CpuModel, Readonly<Record<string, string>>])[] = [
    ["without EPT", penryn, { mirror: "ok", rdtsc: "ok", hlt: "no-ept", real: "no-ept", ept: "no-ept" }],
    [
      "with EPT, without unrestricted guest",
      lynnfield,
      { mirror: "ok", rdtsc: "ok", ept: "ok", hlt: "no-unrestricted-guest", real: "no-unrestricted-guest" },
    ],
  ];
  for (const [what, cpu, results] of cases) {
    for (const [guest, result] of Object.entries(results)) {
      test(`on a CPU ${what}, ${guest} ends with ${result}`, () => {
        assertEnd(boot({ commandLine: `guest=${guest} iterations=3`, cpu }), result);
      });
    }
  }

  test("a guest that is refused is named, and does not keep those behind it from running", () => {
    const run = boot({ commandLine: "guest=hlt,mirror,rdtsc iterations=3", cpu: penryn });
    assertEnd(run, "no-ept", /error: vm0: guest hlt does not run on this CPU$/, /vm1: ended: ok/, /vm2: ended: ok/);
  });

  test("probe tells what such CPUs lack", () => {
    assertEnd(boot({ commandLine: "probe", cpu: penryn }), "ok", /probe vmx ok .* ept=0 unrestricted-guest=0$/);
    assertEnd(boot({ commandLine: "probe", cpu: lynnfield }), "ok", /probe vmx ok .* ept=1 unrestricted-guest=0$/);
  });
});
