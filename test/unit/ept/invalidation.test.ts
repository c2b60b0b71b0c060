// INVEPT and INVVPID: proved on a simulated processor that keeps stale translations until it is told to drop them,
// because Bochs and QEMU flush at every VM entry and so hide one that is missing.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import {
  ALL_CAPABILITIES,
  INVEPT_SINGLE_CONTEXT,
  INVVPID,
  INVVPID_ALL_CONTEXTS,
  INVVPID_SINGLE_CONTEXT,
  KIB_4,
  Machine,
  MIB_2,
  R,
  RW,
  RWX,
  RX,
  type TestEpt,
  TYPE_WB,
  X,
} from "./fixture.ts";
import { compileHarness, type Handle, type Mutation } from "./machine.ts";
import { plainMtrrs, range } from "./mtrr-model.ts";
import { Random } from "./random.ts";
import { GIB_1 as GIBIBYTE, KIB_4 as PAGE, MIB_2 as LARGE_PAGE, ReferenceModel } from "./reference-model.ts";
import {
  type GuestContext,
  type Outcome,
  SIMULATED_FETCH,
  SIMULATED_READ,
  SIMULATED_WRITE,
} from "./simulated-processor.ts";

/** What randomSequence reports of an access through a stale translation. */
const STALE_ACCESS = /^step \d+: access/;

const WITHOUT_PAGING = (linear: bigint): bigint => linear;

/** A vCPU on a machine: an EPT and a VPID, entered by way of prepareEntry. */
class TestVcpu {
  readonly ept: TestEpt;
  readonly #machine: Machine;
  readonly #vpid: number;
  readonly #vpidHandle: Handle;
  readonly #translations: Handle;
  toGuestPhysical = WITHOUT_PAGING;

  constructor(machine: Machine, ept: TestEpt, vpid: number) {
    const { harness } = machine;
    this.#machine = machine;
    this.ept = ept;
    this.#vpid = vpid;
    this.#vpidHandle = harness.createVpid(vpid, machine.capabilities);
    this.#translations = harness.createGuestTranslations(ept.handle, this.#vpidHandle);
  }

  /** What the run loop does before VMLAUNCH or VMRESUME. */
  enter(): string {
    return this.#machine.name(this.#machine.harness.prepareEntry(this.#translations));
  }

  access(linear: bigint, kind: number): Outcome {
    const context: GuestContext = {
      eptp: this.ept.pointer,
      vpid: this.#vpid,
      toGuestPhysical: this.toGuestPhysical,
    };
    return this.#machine.processor.access(context, linear, kind);
  }

  /** The host address that an access reaches, or the kind of exit that it causes. */
  reach(linear: bigint, kind: number): bigint | string {
    const outcome = this.access(linear, kind);
    return outcome.kind === "host" ? outcome.address : outcome.kind;
  }

  reset(): void {
    this.toGuestPhysical = WITHOUT_PAGING;
    this.#machine.harness.vpidRequireInvalidation(this.#vpidHandle);
  }
}

describe("invalidation of cached translations", () => {
  let module: WebAssembly.Module;
  before(async () => {
    module = await compileHarness();
  });

  async function createVcpu(capabilities = ALL_CAPABILITIES): Promise<{ machine: Machine; vcpu: TestVcpu }> {
    const machine = await Machine.create(module, { capabilities });
    const vcpu = new TestVcpu(machine, machine.createEpt(), 1);
    assert.equal(vcpu.ept.map(0n, MIB_2, MIB_2, RWX), "MAPPING_OK");
    assert.equal(vcpu.enter(), "MAPPING_OK");
    machine.processor.invalidations.length = 0;
    return { machine, vcpu };
  }

  describe("by INVEPT", () => {
    test("without INVEPT the simulated TLB shows the stale page, with it the access exits", async () => {
      const { vcpu } = await createVcpu();
      assert.equal(vcpu.reach(KIB_4, SIMULATED_READ), MIB_2 + KIB_4);
      assert.equal(vcpu.ept.unmap(KIB_4, KIB_4), "MAPPING_OK");
      assert.equal(vcpu.reach(KIB_4, SIMULATED_READ), MIB_2 + KIB_4, "the stale page");
      assert.equal(vcpu.enter(), "MAPPING_OK");
      assert.equal(vcpu.reach(KIB_4, SIMULATED_READ), "EPT violation");
    });

    const changes: [string, (ept: TestEpt) => string, number][] = [
      ["an unmap", (ept) => ept.unmap(0n, MIB_2), 1],
      ["an unmap of part of a large page", (ept) => ept.unmap(0n, KIB_4), 1],
      ["taking a permission away", (ept) => ept.protect(0n, MIB_2, RX), 1],
      ["exchanging one permission for another", (ept) => ept.protect(0n, MIB_2, X), 1],
      ["a map of what was not present", (ept) => ept.map(MIB_2, 0n, MIB_2, RWX), 0],
      ["a protect that changes nothing", (ept) => ept.protect(0n, KIB_4, RWX), 0],
      ["a refused change", (ept) => (ept.unmap(MIB_2, KIB_4) === "MAPPING_NOT_MAPPED" ? "MAPPING_OK" : "?"), 0],
      ["three changes in one exit", (ept) => [0n, 1n, 2n].map((n) => ept.unmap(n * KIB_4, KIB_4))[2] as string, 1],
    ];
    for (const [what, change, count] of changes) {
      test(`follows ${what} ${count === 0 ? "not at all" : "once"} before the next entry`, async () => {
        const { machine, vcpu } = await createVcpu();
        assert.equal(change(vcpu.ept), "MAPPING_OK");
        assert.deepEqual(machine.processor.invalidations, []);
        vcpu.enter();
        vcpu.enter();
        const expected = new Array<string>(count).fill(`INVEPT ${vcpu.ept.pointer.toString(16)}`);
        assert.deepEqual(machine.processor.invalidations, expected);
      });
    }

    test("is not needed to give a permission: the violation that a stale entry causes drops it", async () => {
      const { machine, vcpu } = await createVcpu();
      vcpu.ept.protect(0n, MIB_2, R);
      vcpu.enter();
      assert.equal(vcpu.reach(0n, SIMULATED_READ), MIB_2);
      machine.processor.invalidations.length = 0;
      vcpu.ept.protect(0n, MIB_2, RW);
      vcpu.enter();
      assert.deepEqual(machine.processor.invalidations, []);
      assert.equal(vcpu.reach(0n, SIMULATED_WRITE), "EPT violation");
      assert.equal(vcpu.reach(0n, SIMULATED_WRITE), MIB_2);
    });

    test("follows a split even where permissions are only given, since bit 7 of an entry changes", async () => {
      const { machine, vcpu } = await createVcpu();
      vcpu.ept.protect(0n, MIB_2, R);
      vcpu.enter();
      machine.processor.invalidations.length = 0;
      vcpu.ept.protect(0n, KIB_4, RW);
      vcpu.enter();
      assert.equal(machine.processor.invalidations.length, 1);
    });

    test("reaches the translations of every vCPU of the VM", async () => {
      const { machine, vcpu } = await createVcpu();
      const other = new TestVcpu(machine, vcpu.ept, 2);
      other.enter();
      assert.equal(vcpu.reach(0n, SIMULATED_READ), MIB_2);
      assert.equal(other.reach(0n, SIMULATED_READ), MIB_2);
      vcpu.ept.unmap(0n, MIB_2);
      vcpu.enter();
      other.enter();
      assert.equal(other.reach(0n, SIMULATED_READ), "EPT violation");
      assert.equal(vcpu.reach(0n, SIMULATED_READ), "EPT violation");
    });

    test("comes before the first entry of a VM whose root page was another VM's root", async () => {
      const { machine, vcpu } = await createVcpu();
      assert.equal(vcpu.reach(0n, SIMULATED_READ), MIB_2);
      const { pointer } = vcpu.ept;
      vcpu.ept.release();
      const next = new TestVcpu(machine, machine.createEpt(), 1);
      assert.equal(next.ept.pointer, pointer);
      next.enter();
      assert.equal(next.reach(0n, SIMULATED_READ), "EPT violation");
    });

    test("comes before an entry on a processor that may have cached the EPT before, when required", async () => {
      const { machine, vcpu } = await createVcpu();
      machine.harness.eptRequireInvalidation(vcpu.ept.handle);
      vcpu.enter();
      assert.deepEqual(machine.processor.invalidations, [`INVEPT ${vcpu.ept.pointer.toString(16)}`]);
    });

    test("is of the all-context type where the processor has no single-context type", async () => {
      const { machine, vcpu } = await createVcpu(ALL_CAPABILITIES & ~INVEPT_SINGLE_CONTEXT);
      assert.equal(vcpu.reach(0n, SIMULATED_READ), MIB_2);
      vcpu.ept.unmap(0n, MIB_2);
      assert.equal(vcpu.enter(), "MAPPING_OK");
      assert.deepEqual(machine.processor.invalidations, ["INVEPT all"]);
      assert.equal(vcpu.reach(0n, SIMULATED_READ), "EPT violation");
    });

    test("that fails forbids the entry, is named, and stays due", async () => {
      for (const [result, status] of [
        [1, "INVEPT_VMFAIL_INVALID"],
        [2, "INVEPT_VMFAIL_VALID"],
      ] as const) {
        const { machine, vcpu } = await createVcpu();
        vcpu.ept.unmap(0n, MIB_2);
        machine.processor.failNext = result;
        assert.equal(vcpu.enter(), status);
        assert.equal(vcpu.enter(), "MAPPING_OK");
        assert.equal(machine.processor.invalidations.length, 1);
      }
    });
  });

  describe("by INVVPID", () => {
    test("comes before the first entry of a vCPU whose VPID another vCPU had", async () => {
      const { machine, vcpu } = await createVcpu();
      vcpu.toGuestPhysical = (linear) => linear + 5n * KIB_4;
      assert.equal(vcpu.reach(0n, SIMULATED_READ), MIB_2 + 5n * KIB_4);
      const next = new TestVcpu(machine, vcpu.ept, 1);
      assert.equal(next.reach(0n, SIMULATED_READ), MIB_2 + 5n * KIB_4, "the other vCPU's translation");
      assert.equal(next.enter(), "MAPPING_OK");
      assert.deepEqual(machine.processor.invalidations, ["INVVPID 1"]);
      assert.equal(next.reach(0n, SIMULATED_READ), MIB_2);
    });

    test("comes before the entry after a reset, and only then", async () => {
      const { machine, vcpu } = await createVcpu();
      vcpu.toGuestPhysical = (linear) => linear + 7n * KIB_4;
      assert.equal(vcpu.reach(0n, SIMULATED_READ), MIB_2 + 7n * KIB_4);
      vcpu.enter();
      assert.deepEqual(machine.processor.invalidations, []);
      vcpu.reset();
      vcpu.enter();
      vcpu.enter();
      assert.deepEqual(machine.processor.invalidations, ["INVVPID 1"]);
      assert.equal(vcpu.reach(0n, SIMULATED_READ), MIB_2);
    });

    test("is never executed for VPID 0, which means that VPIDs are not in use", async () => {
      const machine = await Machine.create(module, { capabilities: ALL_CAPABILITIES & ~INVVPID });
      const vcpu = new TestVcpu(machine, machine.createEpt(), 0);
      vcpu.reset();
      assert.equal(vcpu.enter(), "MAPPING_OK");
      assert.equal(machine.processor.invalidations.filter((text) => text.startsWith("INVVPID")).length, 0);
    });

    test("is of the all-context type where the processor has no single-context type", async () => {
      const { machine, vcpu } = await createVcpu(ALL_CAPABILITIES & ~INVVPID_SINGLE_CONTEXT);
      vcpu.reset();
      vcpu.enter();
      assert.deepEqual(machine.processor.invalidations, ["INVVPID all"]);
    });

    test("is refused on a processor that has no type of it", async () => {
      for (const missing of [INVVPID, INVVPID_SINGLE_CONTEXT | INVVPID_ALL_CONTEXTS]) {
        const capabilities = ALL_CAPABILITIES & ~missing;
        const machine = await Machine.create(module, { capabilities });
        assert.equal(machine.name(machine.harness.invvpidSupport(capabilities)), "INVVPID_UNSUPPORTED");
        assert.equal(machine.name(machine.harness.executeInvvpid(capabilities, 3)), "INVVPID_UNSUPPORTED");
        assert.equal(new TestVcpu(machine, machine.createEpt(), 3).enter(), "INVVPID_UNSUPPORTED");
      }
    });

    test("that fails forbids the entry, is named, and stays due", async () => {
      for (const [result, status] of [
        [1, "INVVPID_VMFAIL_INVALID"],
        [2, "INVVPID_VMFAIL_VALID"],
      ] as const) {
        const { machine, vcpu } = await createVcpu();
        vcpu.reset();
        machine.processor.failNext = result;
        assert.equal(vcpu.enter(), status);
        assert.equal(vcpu.enter(), "MAPPING_OK");
        assert.deepEqual(machine.processor.invalidations, ["INVVPID 1"]);
      }
      const { machine } = await createVcpu();
      assert.equal(machine.name(machine.harness.executeInvvpid(ALL_CAPABILITIES, 0)), "INVVPID_VMFAIL_VALID");
    });
  });

  describe("in random sequences", () => {
    test("leaves no stale translation to use after any entry", async () => {
      const { stale, invalidations, changes } = await randomSequence(module, 1500, (vcpu) => vcpu.enter());
      assert.equal(stale, undefined);
      assert.ok(invalidations > 100 && invalidations < changes / 2, `${invalidations} for ${changes} changes`);
    });

    test("leaves stale translations to use where entries do not invalidate", async () => {
      const { stale } = await randomSequence(module, 1500, () => "MAPPING_OK");
      assert.match(stale ?? "nothing stale was used", STALE_ACCESS);
    });

    const mutations: [string, Mutation][] = [
      [
        "a format that forgets lost permissions",
        {
          file: "hv/core/vmx/ept/ept-format.ts",
          from: "const losesPermission = (before & ~after & EPT_PERMISSIONS) != 0;",
          to: "const losesPermission = false;",
        },
      ],
      [
        "a builder that reports no change",
        {
          file: "hv/core/memory/page-tables.ts",
          from: "if (this.format.needsInvalidation(load<u64>(pointer), after)) this.invalidationIsPending = true;",
          to: "",
        },
      ],
      [
        "an INVEPT that is marked as done and not executed",
        {
          file: "hv/core/vmx/invalidate.ts",
          from: "const status = invalidateEpt(this.capabilities, this.eptp);",
          to: "const status = MAPPING_OK;",
        },
      ],
    ];
    for (const [what, mutation] of mutations) {
      test(`finds ${what}`, async () => {
        const mutant = await compileHarness(mutation);
        const { stale } = await randomSequence(mutant, 1500, (vcpu) => vcpu.enter());
        assert.match(stale ?? "nothing stale was used", STALE_ACCESS);
      });
    }
  });
});

interface SequenceResult {
  /** The first access that did not do what the model says, if there was one. */
  stale: string | undefined;
  invalidations: number;
  changes: number;
}

/**
 * Warms the simulated TLB, changes the map, enters and makes the same accesses again, many times over. Stops at the
 * first access that reaches another page, with another type, or with other permissions than the model has.
 */
async function randomSequence(
  module: WebAssembly.Module,
  operations: number,
  enter: (vcpu: TestVcpu) => string,
): Promise<SequenceResult> {
  const variable = [range(0x300000n, 0x100000n, 0, 39)];
  const mtrrs = { ...plainMtrrs(TYPE_WB), variable };
  const machine = await Machine.create(module, { mtrrs, poolPages: 64 });
  const vcpu = new TestVcpu(machine, machine.createEpt(), 1);
  const typeOf = (host: number): number => (host >= 0x300000 && host < 0x400000 ? 0 : TYPE_WB);
  const model = new ReferenceModel(PAGE, [PAGE, LARGE_PAGE, GIBIBYTE], typeOf);
  const random = new Random(99);
  const windows = [0, GIBIBYTE - LARGE_PAGE, 2 ** 39 - LARGE_PAGE];
  let changes = 0;

  const accesses = Array.from({ length: 48 }, () => randomPage());
  const stale = await runUntilStale();
  return { stale, invalidations: machine.processor.invalidations.length, changes };

  function randomPage(): number {
    return random.pick(windows) + PAGE * random.below(1024);
  }

  async function runUntilStale(): Promise<string | undefined> {
    for (let step = 0; step < operations; step++) {
      const [guest, bytes] = randomChange();
      if (enter(vcpu) !== "MAPPING_OK") return "the entry was refused";
      accesses[random.below(accesses.length)] = guest;
      accesses[random.below(accesses.length)] = guest + bytes - PAGE;
      for (const page of accesses) {
        const kind = random.pick([SIMULATED_READ, SIMULATED_WRITE, SIMULATED_FETCH]);
        const wrong = wrongAccess(page, kind);
        if (wrong !== undefined) return `step ${step}: ${wrong}`;
      }
    }
    return undefined;
  }

  /** Changes EPT and model alike; returns the range that was changed. */
  function randomChange(): [number, number] {
    const bytes = PAGE * random.pick([1, 2, 64, 512, 512]);
    const guest = random.pick(windows) + bytes * random.below(Math.floor((1024 * PAGE) / bytes));
    const permissions = random.pick([R, RW, RX, RWX, X]);
    const host = random.pick([0, LARGE_PAGE]) + (guest % LARGE_PAGE) + PAGE * random.pick([0, 0, 0, 1]);
    if (model.isFree(guest, bytes)) {
      assert.equal(vcpu.ept.map(BigInt(guest), BigInt(host), BigInt(bytes), permissions), "MAPPING_OK");
      model.map(guest, host, bytes, permissions);
      changes++;
    } else if (model.isMapped(guest, bytes)) {
      if (random.chance(50)) {
        assert.equal(vcpu.ept.protect(BigInt(guest), BigInt(bytes), permissions), "MAPPING_OK");
        model.protect(guest, bytes, permissions);
      } else {
        assert.equal(vcpu.ept.unmap(BigInt(guest), BigInt(bytes)), "MAPPING_OK");
        model.unmap(guest, bytes);
      }
      changes++;
    } else {
      clear(guest, bytes);
    }
    return [guest, bytes];
  }

  function clear(guest: number, bytes: number): void {
    for (let page = guest; page < guest + bytes; page += PAGE) {
      if (!model.pages.has(page)) continue;
      assert.equal(vcpu.ept.unmap(BigInt(page), KIB_4), "MAPPING_OK");
      model.unmap(page, PAGE);
      changes++;
    }
  }

  /** What is wrong with an access. A violation is tried again, as a run loop would that finds nothing wrong. */
  function wrongAccess(page: number, kind: number): string | undefined {
    const address = BigInt(page) + 0x123n;
    let outcome = attempt(address, kind);
    if (outcome.kind === "EPT violation") outcome = attempt(address, kind);
    const expected = model.pages.get(page);
    const isAllowed = expected !== undefined && (expected.permissions & kind) === kind;
    const found = `access ${kind} to ${page.toString(16)} ended in ${outcome.kind}`;
    if (!isAllowed) return outcome.kind === "EPT violation" ? undefined : `${found}, a violation was expected`;
    if (outcome.kind !== "host") return `${found}, an access was expected`;
    if (outcome.address !== BigInt(expected.host) + 0x123n) return `${found}, on another page than the model's`;
    return outcome.memoryType === expected.memoryType ? undefined : `${found}, with another memory type`;
  }

  /** A stale paging-structure-cache entry may lead the walk into a page that is no table any more, and out of memory. */
  function attempt(address: bigint, kind: number): Outcome {
    try {
      return vcpu.access(address, kind);
    } catch (error) {
      if (error instanceof RangeError) return { kind: "EPT misconfiguration", rule: "a walk that left memory" };
      throw error;
    }
  }
}
