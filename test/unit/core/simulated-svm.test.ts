// The simulated processor with SVM itself, by figures of the APM: VMCBs made by hand, without core.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ryzen, skylake, tcgMax } from "./machine/cpu-model.ts";
import { cpuid, externalInterrupt, io, rdmsr, tripleFault, vmcall, type Exit } from "./machine/exits.ts";
import { HostException } from "./machine/faults.ts";
import { NestedFault, type Guest } from "./machine/guest.ts";
import { PhysicalMemory } from "./machine/physical-memory.ts";
import { Processor } from "./machine/processor.ts";
import {
  ALL_RIGHTS,
  BareGuest,
  doing,
  HOST_STATE,
  IOPM,
  MSRPM,
  PAGE_TABLE,
  RAM,
  VMCB,
} from "./machine/svm/bare-guest.ts";
import { withAsids, withoutSvm, withSvmFeature } from "./machine/svm/features.ts";
import { Svm } from "./machine/svm/svm.ts";
import { msr, svmExit, vmcb } from "./machine/tables.ts";

const INVALID = 0xffffffff;
const CPUID = svmExit("SVM_EXIT_CPUID");
const DATA = 0x30000n;
const always = function* (): Generator<Exit> {
  while (true) yield cpuid;
};
const vector = (expected: number) => (error: unknown) => error instanceof HostException && error.vector === expected;
/** A guest's reads of DATA, as the processor answers them: what it finds, or the fault. */
const look = (guest: Guest): bigint | NestedFault => {
  try {
    return guest.readQuad(DATA);
  } catch (error) {
    if (error instanceof NestedFault) return error;
    throw error;
  }
};

describe("SVM is switched on", () => {
  test("by EFER.SVME, which is #GP without SVM and while VM_CR.SVMDIS is 1", () => {
    const enable = (model: typeof ryzen, control: bigint): void => {
      const processor = new Processor(model.withMsr("VM_CR", control));
      processor.wrmsr(msr("IA32_EFER"), 0x1d01n);
    };
    enable(ryzen, 0n);
    enable(ryzen, 8n);
    assert.throws(() => enable(ryzen, 0x10n), vector(13));
    assert.throws(() => enable(withoutSvm(ryzen), 0n), vector(13));
    assert.throws(() => enable(skylake, 0n), vector(13));
  });

  test("and SVMDIS stays as it is once VM_CR is locked", () => {
    const write = (before: bigint, value: bigint): bigint => {
      const processor = new Processor(ryzen.withMsr("VM_CR", before));
      processor.wrmsr(msr("VM_CR"), value);
      return processor.rdmsr(msr("VM_CR"));
    };
    assert.deepEqual([write(0x10n, 0n), write(0x18n, 0n), write(8n, 0x10n)], [0n, 0x18n, 8n]);
  });

  test("and before that VMRUN and VMSAVE are #UD", () => {
    const svm = new Svm(new Processor(ryzen), new PhysicalMemory());
    assert.throws(() => svm.vmsave(HOST_STATE), vector(6));
    assert.throws(() => svm.requirePage("VMRUN", VMCB), vector(6));
  });

  test("and an address that is no page's, or beyond MAXPHYADDR, is #GP for them", () => {
    const guest = new BareGuest(ryzen, always);
    for (const address of [VMCB + 8n, 1n << 40n]) {
      assert.throws(() => guest.svm.vmsave(address), vector(13));
      assert.throws(() => guest.enter(address), vector(13));
      assert.throws(() => guest.processor.wrmsr(msr("VM_HSAVE_PA"), address), vector(13));
    }
  });
});

describe("VMRUN refuses", () => {
  /** Each breaks one rule. */
  const broken: readonly (readonly [string, Readonly<Record<string, bigint>>])[] = [
    ["EFER without SVME", { EFER: 0xd00n }],
    ["CR0.NW without CR0.CD", { CR0: 0xa0000011n }],
    ["CR0 of more than 32 bits", { CR0: 0x180000011n }],
    ["CR3 beyond MAXPHYADDR", { CR3: 1n << 40n }],
    ["bits of CR4 that the CPU does not have", { CR4: 0x2020n }],
    ["DR6 of more than 32 bits", { DR6: 1n << 32n }],
    ["DR7 of more than 32 bits", { DR7: 1n << 32n }],
    ["bits of EFER that there are not", { EFER: 0x1d02n }],
    ["long mode without PAE", { CR4: 0n }],
    ["long mode with paging and no protection", { CR0: 0x80000010n }],
    ["CS with both L and D", { CS: 0x0e9b0008n }],
    ["no intercept of VMRUN", { INTERCEPT_MISC2: 0n }],
    ["an MSR permission map beyond MAXPHYADDR", { MSRPM_BASE_PA: (1n << 40n) - 0x1000n }],
    ["an I/O permission map beyond MAXPHYADDR", { IOPM_BASE_PA: (1n << 40n) - 0x2000n }],
    ["an event of a reserved type", { EVENTINJ: 0x80000530n }],
    ["an exception that is the NMI's vector", { EVENTINJ: 0x80000302n }],
    ["ASID 0", { GUEST_ASID: 0n }],
    ["nested tables beyond MAXPHYADDR", { N_CR3: 1n << 40n }],
    ["a PAT with a type that there is not", { G_PAT: 2n }],
  ];
  for (const [what, fields] of broken) {
    test(what, () => {
      const guest = new BareGuest(ryzen, always);
      for (const [name, value] of Object.entries(fields)) guest.set(name, value);
      assert.equal(guest.enter(), INVALID);
      assert.equal(guest.entry.brokenRules.length, 1);
      assert.equal(guest.entry.records.length, 0, "no guest ran");
    });
  }

  test("nothing of a VMCB that keeps the rules", () => {
    assert.equal(new BareGuest(ryzen, always).enter(), CPUID);
    assert.equal(new BareGuest(tcgMax, always).enter(), CPUID);
  });
});

describe("an exit", () => {
  test("tells the next RIP where the CPU saves it, and 0 where not", () => {
    const guest = new BareGuest(ryzen, always);
    guest.enter();
    assert.equal(guest.get("NRIP"), 0x10002n);
    const without = new BareGuest(tcgMax, always);
    without.enter();
    assert.equal(without.get("NRIP"), 0n);
    assert.deepEqual([...without.memory.read(RAM + 0x10000n, 2)], [0x0f, 0xa2], "software finds the instruction");
  });

  test("by a port tells it, its size and direction, and the next RIP in EXITINFO2", () => {
    const guest = new BareGuest(tcgMax, () => [io(0x3f8n, true)][Symbol.iterator]());
    assert.equal(guest.enter(), svmExit("SVM_EXIT_IOIO"));
    assert.deepEqual([guest.get("EXITINFO1"), guest.get("EXITINFO2")], [0x3f80211n, 0x10001n]);
  });

  test("happens only where the VMCB asks for it", () => {
    const guest = new BareGuest(ryzen, always);
    guest.set("INTERCEPT_MISC1", 0n);
    assert.throws(() => guest.enter(), /does not ask for an exit 0x72/);
  });

  test("by a port or an MSR follows the permission maps", () => {
    const out = new BareGuest(ryzen, () => [{ ...io(0x3f8n, false), qualification: 0x3f80001n }][Symbol.iterator]());
    out.memory.write(IOPM + 0x7fn, Uint8Array.of(0xfc));
    assert.throws(() => out.enter(), /0x7b/, "both ports of the word are let pass");
    const word = new BareGuest(ryzen, () => [{ ...io(0x3f8n, false), qualification: 0x3f80001n }][Symbol.iterator]());
    word.memory.write(IOPM + 0x7fn, Uint8Array.of(0xfe));
    assert.equal(word.enter(), svmExit("SVM_EXIT_IOIO"), "the second one is not");
    const read = (index: bigint, at: bigint, map: number): BareGuest => {
      const guest = new BareGuest(ryzen, () => [{ ...rdmsr, registers: { rcx: index } }][Symbol.iterator]());
      guest.memory.write(MSRPM + at, Uint8Array.of(map));
      return guest;
    };
    assert.throws(() => read(0xc0000102n, 0x840n, 0xef).enter(), /0x7c/);
    assert.equal(read(0xc0000102n, 0x840n, 0xdf).enter(), svmExit("SVM_EXIT_MSR"), "bit 5 is WRMSR's");
    assert.equal(read(0x4b564d00n, 0n, 0).enter(), svmExit("SVM_EXIT_MSR"), "an MSR without bits");
  });

  test("keeps RAX in the VMCB, and other registers in the block", () => {
    const registers = { rax: 0x1111n, rbx: 0x2222n };
    const guest = new BareGuest(ryzen, () => [{ ...cpuid, registers }][Symbol.iterator]());
    guest.enter();
    assert.equal(guest.get("RAX"), 0x1111n);
  });

  test("for a physical interrupt leaves it pending", () => {
    const guest = new BareGuest(ryzen, () => [externalInterrupt, cpuid][Symbol.iterator]());
    assert.equal(guest.enter(), svmExit("SVM_EXIT_INTR"));
    assert.throws(() => guest.enter(), /still pending/);
  });

  test("by a shutdown, and one by VMMCALL, have their codes", () => {
    const guest = new BareGuest(ryzen, () => [vmcall, tripleFault][Symbol.iterator]());
    assert.deepEqual([guest.enter(), guest.enter()], [0x81, 0x7f]);
  });
});

describe("events", () => {
  test("are injected, and EVENTINJ is not valid behind the exit", () => {
    const guest = new BareGuest(ryzen, always);
    guest.set("EVENTINJ", 0x80000b0dn | (0x18n << 32n));
    guest.set("RFLAGS", 0x302n);
    guest.set("INTERRUPT_STATE", 1n);
    guest.enter();
    assert.deepEqual(guest.entry.delivered, [[{ event: 0xb0d, errorCode: 0x18, rflags: 0x302n }]]);
    assert.deepEqual(
      [guest.get("EVENTINJ") >> 31n, guest.get("RFLAGS"), guest.get("INTERRUPT_STATE")],
      [0x30n, 2n, 0n],
    );
  });

  test("whose error code does not fit the vector are a mistake", () => {
    for (const event of [0x8000030dn, 0x80000b06n]) {
      const guest = new BareGuest(ryzen, always);
      guest.set("EVENTINJ", event);
      assert.throws(() => guest.enter(), /error code/);
    }
  });

  test("a virtual interrupt exits, or is taken, once the guest can take it", () => {
    const request = BigInt(vmcb("VINTR_MASKING")) | BigInt(vmcb("VINTR_IRQ")) | BigInt(vmcb("VINTR_IGNORE_TPR"));
    const run = (rflags: bigint, shadow: bigint, isIntercepted: boolean, vintr = request): BareGuest => {
      const guest = new BareGuest(ryzen, always);
      guest.enter();
      if (!isIntercepted) guest.set("INTERCEPT_MISC1", guest.get("INTERCEPT_MISC1") & ~0x10n);
      guest.set("VINTR", vintr | (0x31n << 32n));
      guest.set("RFLAGS", rflags);
      guest.set("INTERRUPT_STATE", shadow);
      guest.enter();
      return guest;
    };
    const VINTR = BigInt(svmExit("SVM_EXIT_VINTR"));
    assert.equal(run(0x202n, 0n, true).get("EXITCODE"), VINTR);
    assert.equal(run(0x2n, 0n, true).get("EXITCODE"), BigInt(CPUID));
    assert.equal(run(0x202n, 1n, true).get("EXITCODE"), BigInt(CPUID));
    assert.equal(run(0x202n, 0n, true, request & ~BigInt(vmcb("VINTR_IGNORE_TPR"))).get("EXITCODE"), BigInt(CPUID));
    const taken = run(0x202n, 0n, false);
    assert.deepEqual(taken.entry.delivered.at(-1), [{ event: 0x31, rflags: 0x202n }]);
    assert.equal(taken.get("VINTR") & BigInt(vmcb("VINTR_IRQ")), 0n);
  });

  test("that an exit interrupted are in EXITINTINFO, INT3 as an exception", () => {
    const fields = { IDT_VECTORING_INFORMATION: 0x80000603n, VM_EXIT_INTERRUPTION_INFORMATION: 0x80000b0dn };
    const guest = new BareGuest(ryzen, () => [{ reason: 0, fields }][Symbol.iterator]());
    guest.set("INTERCEPT_EXCEPTIONS", 0x2000n);
    assert.equal(guest.enter(), 0x4d);
    assert.equal(guest.get("EXITINTINFO"), 0x80000303n);
  });
});

describe("clean bits", () => {
  const withClean = withSvmFeature(ryzen, "cleanBits");
  const second = (model: typeof ryzen, clean: bigint): BareGuest => {
    const guest = new BareGuest(model, always);
    guest.enter();
    guest.set("CR3", 0x55000n);
    guest.set("CLEAN", clean);
    guest.enter();
    return guest;
  };

  test("have the processor use what it kept, where the field's bit says that it is the same", () => {
    assert.equal(second(withClean, BigInt(vmcb("CLEAN_CONTROL_REGISTERS"))).get("CR3"), 0x20000n);
    assert.equal(second(withClean, BigInt(vmcb("CLEAN_SEGMENTS"))).get("CR3"), 0x55000n);
    assert.equal(second(withClean, 0n).get("CR3"), 0x55000n);
  });

  test("mean nothing to a CPU without them", () => {
    assert.equal(second(ryzen, BigInt(vmcb("CLEAN_ALL"))).get("CR3"), 0x55000n);
  });

  test("of a VMCB that never ran are a mistake", () => {
    const guest = new BareGuest(withClean, always);
    guest.set("CLEAN", 1n);
    assert.throws(() => guest.enter(), /never ran/);
  });
});

describe("the TLB", () => {
  /** The guest reads DATA, the page is withdrawn, and it reads again with TLB_CONTROL and ASID as given. */
  const stale = (control: bigint, asid = 1n, model = ryzen): bigint | NestedFault => {
    const seen: (bigint | NestedFault)[] = [];
    const turn = (guest: Guest): Exit => (seen.push(look(guest)), cpuid);
    const guest = new BareGuest(model, doing(turn, turn));
    guest.write64(RAM + DATA, 0x1234n);
    guest.enter();
    guest.write64(PAGE_TABLE + 8n * (DATA >> 12n), 0n);
    guest.set("TLB_CONTROL", control);
    guest.set("GUEST_ASID", asid);
    guest.enter();
    assert.equal(seen[0], 0x1234n);
    return seen[1]!;
  };

  test("keeps what no flush drops", () => {
    assert.equal(stale(0n), 0x1234n);
    assert.equal(stale(7n), 0x1234n, "the nested translation stays");
  });

  test("drops by TLB_CONTROL what it names, and knows nothing by another ASID", () => {
    for (const [control, asid] of [
      [1n, 1n],
      [3n, 1n],
      [0n, 2n],
    ] as const) {
      const found = stale(control, asid);
      assert.ok(found instanceof NestedFault, `TLB_CONTROL ${control}, ASID ${asid}`);
      assert.deepEqual(found.exit.svm, { code: 0x400, info1: 0x100000004n, info2: DATA });
    }
  });

  test("takes values that need FlushByAsid only where it is, and no reserved one", () => {
    assert.throws(() => stale(3n, 1n, tcgMax), /reserved/);
    assert.throws(() => stale(2n), /reserved/);
  });

  test("drops linear translations where the guest changes CR3", () => {
    const seen: (bigint | NestedFault)[] = [];
    const guest = new BareGuest(
      ryzen,
      doing((g) => {
        seen.push(look(g));
        // The page is mapped elsewhere now: the guest's own page directory has another entry.
        guest.write64(RAM + 0x22000n, 0x200083n);
        seen.push(look(g));
        g.vmcs.set("GUEST_CR3", g.vmcs.get("GUEST_CR3"));
        seen.push(look(g));
        return cpuid;
      }),
    );
    guest.write64(RAM + DATA, 0x1234n);
    guest.enter();
    assert.deepEqual(seen.slice(0, 2), [0x1234n, 0x1234n]);
    assert.ok(seen[2] instanceof NestedFault);
    assert.equal(seen[2].exit.svm?.info2, 0x230000n);
  });
});

describe("a nested page fault", () => {
  const faultOf = (entry: bigint, access: (guest: Guest) => unknown): bigint | undefined => {
    let info: bigint | undefined;
    const guest = new BareGuest(
      ryzen,
      doing((g) => {
        try {
          access(g);
        } catch (error) {
          if (!(error instanceof NestedFault)) throw error;
          info = error.exit.svm?.info1;
        }
        return cpuid;
      }),
    );
    guest.write64(PAGE_TABLE + 8n * (DATA >> 12n), entry);
    guest.enter();
    return info;
  };
  const page = RAM + DATA;
  const read = (guest: Guest): unknown => guest.readQuad(DATA);
  const write = (guest: Guest): unknown => guest.writeByte(DATA, 1);
  const fetch = (guest: Guest): unknown => guest.fetch(DATA, 1);
  const FINAL = 0x100000000n;

  test("tells in EXITINFO1 what was accessed, and whether anything is there", () => {
    assert.equal(faultOf(0n, read), FINAL | 4n);
    assert.equal(faultOf(0n, write), FINAL | 6n);
    assert.equal(faultOf(0n, fetch), FINAL | 0x14n);
    assert.equal(faultOf(page | 5n, write), FINAL | 7n);
    assert.equal(faultOf(page | ALL_RIGHTS | (1n << 63n), fetch), FINAL | 0x15n);
    assert.equal(faultOf(page | 3n, read), FINAL | 5n, "the guest's accesses are a user's");
    assert.equal(faultOf(page | ALL_RIGHTS | (1n << 45n), read), FINAL | 0xdn, "reserved bits");
    assert.equal(faultOf(page | 5n, read), undefined);
    assert.equal(faultOf(page | ALL_RIGHTS, write), undefined);
  });

  test("at the guest's own tables is a write, and told as theirs", () => {
    const seen: (NestedFault | bigint)[] = [];
    const guest = new BareGuest(
      ryzen,
      doing((g) => (seen.push(look(g)), cpuid)),
    );
    guest.write64(PAGE_TABLE + 8n * 0x20n, (RAM + 0x20000n) | 5n);
    guest.enter();
    assert.ok(seen[0] instanceof NestedFault);
    assert.deepEqual(seen[0].exit.svm, { code: 0x400, info1: 0x200000007n, info2: 0x20000n });
  });

  test("sets accessed and dirty bits on the way", () => {
    const guest = new BareGuest(
      ryzen,
      doing(
        (g) => (g.readQuad(DATA), cpuid),
        (g) => (g.writeByte(DATA, 1), cpuid),
      ),
    );
    const entry = PAGE_TABLE + 8n * (DATA >> 12n);
    guest.enter();
    assert.equal(guest.memory.read64(entry) & 0x60n, 0x20n);
    guest.enter();
    assert.equal(guest.memory.read64(entry) & 0x60n, 0x60n);
  });
});

test("the state that VMLOAD brings back is the host's, or the simulation stops", () => {
  const guest = new BareGuest(ryzen, always);
  guest.set("LSTAR", 0x1234n);
  guest.enter();
  assert.equal(guest.get("LSTAR"), 0x1234n);
  assert.equal(guest.processor.rdmsr(msr("IA32_LSTAR")), 0n);
  guest.write64(HOST_STATE + BigInt(vmcb("VMCB_STAR")), 1n);
  assert.throws(() => guest.enter(), /not VMSAVE's/);
});

test("a CPU model says how many ASIDs it has", () => {
  assert.equal(tcgMax.leaf(0x8000000a)[1], 16);
  assert.equal(withAsids(ryzen, 1).leaf(0x8000000a)[1], 1);
});
