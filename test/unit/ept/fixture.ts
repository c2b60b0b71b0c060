// One simulated machine for a test: a processor, the harness on it, a page pool, MTRRs, and a VM with an EPT.

import assert from "node:assert/strict";
import { type Handle, type Harness, instantiate, PhysicalMemory, statusName } from "./machine.ts";
import { type MtrrSettings, mtrrMsrs, plainMtrrs } from "./mtrr-model.ts";
import { SimulatedProcessor } from "./simulated-processor.ts";
import { type Walk, Walker, type WalkRules } from "./walker.ts";

// Bits of IA32_VMX_EPT_VPID_CAP (SDM 3D A.10).
export const EXECUTE_ONLY = 1n << 0n;
export const WALK_LENGTH_4 = 1n << 6n;
export const TABLES_UC = 1n << 8n;
export const TABLES_WB = 1n << 14n;
export const PAGES_2_MIB = 1n << 16n;
export const PAGES_1_GIB = 1n << 17n;
export const INVEPT = 1n << 20n;
export const ACCESSED_AND_DIRTY = 1n << 21n;
export const INVEPT_SINGLE_CONTEXT = 1n << 25n;
export const INVEPT_ALL_CONTEXTS = 1n << 26n;
export const INVVPID = 1n << 32n;
export const INVVPID_SINGLE_CONTEXT = 1n << 41n;
export const INVVPID_ALL_CONTEXTS = 1n << 42n;

export const ALL_CAPABILITIES =
  EXECUTE_ONLY |
  WALK_LENGTH_4 |
  TABLES_UC |
  TABLES_WB |
  PAGES_2_MIB |
  PAGES_1_GIB |
  INVEPT |
  ACCESSED_AND_DIRTY |
  INVEPT_SINGLE_CONTEXT |
  INVEPT_ALL_CONTEXTS |
  INVVPID |
  INVVPID_SINGLE_CONTEXT |
  INVVPID_ALL_CONTEXTS;

export const R = 1;
export const W = 2;
export const X = 4;
export const RW = R | W;
export const RX = R | X;
export const RWX = R | W | X;

export const TYPE_UC = 0;
export const TYPE_WB = 6;

export const KIB_4 = 0x1000n;
export const MIB_2 = 0x200000n;
export const GIB_1 = 0x40000000n;
export const GUEST_END = 1n << 48n;

export interface MachineOptions {
  capabilities?: bigint;
  addressBits?: number;
  mtrrs?: MtrrSettings;
  poolPages?: number;
  /** The host-physical address of core's memory. */
  physicalBase?: bigint;
}

/** What `Machine.query` found; addresses and sizes in bytes. */
export interface Found {
  host: bigint;
  bytes: bigint;
  permissions: number;
  memoryType: number;
  isAccessed: boolean;
  isDirty: boolean;
}

export class Machine {
  readonly harness: Harness;
  readonly processor: SimulatedProcessor;
  readonly memory: PhysicalMemory;
  readonly walker: Walker;
  readonly pool: Handle;
  readonly mtrrs: Handle;
  readonly capabilities: bigint;
  readonly addressBits: number;
  readonly #translation: Handle;

  private constructor(harness: Harness, processor: SimulatedProcessor, rules: WalkRules, options: MachineOptions) {
    const physicalBase = options.physicalBase ?? 0x1_2340_0000n;
    this.harness = harness;
    this.processor = processor;
    this.memory = new PhysicalMemory(harness, physicalBase);
    this.walker = new Walker(this.memory, rules);
    this.capabilities = options.capabilities ?? ALL_CAPABILITIES;
    this.addressBits = rules.maxPhysicalAddressBits;
    this.pool = harness.createPool(options.poolPages ?? 1024, physicalBase);
    this.mtrrs = harness.createMtrrs(this.addressBits);
    this.#translation = harness.createTranslation();
    processor.memory = this.memory;
  }

  static async create(module: WebAssembly.Module, options: MachineOptions = {}): Promise<Machine> {
    const capabilities = options.capabilities ?? ALL_CAPABILITIES;
    const rules: WalkRules = {
      maxPhysicalAddressBits: options.addressBits ?? 39,
      hasExecuteOnly: (capabilities & EXECUTE_ONLY) !== 0n,
      has2MibPages: (capabilities & PAGES_2_MIB) !== 0n,
      has1GibPages: (capabilities & PAGES_1_GIB) !== 0n,
    };
    const processor = new SimulatedProcessor(rules, mtrrMsrs(options.mtrrs ?? plainMtrrs(TYPE_WB)));
    return new Machine(await instantiate(module, processor), processor, rules, options);
  }

  createEpt(): TestEpt {
    return new TestEpt(this, this.harness.createEpt(this.pool, this.capabilities, this.mtrrs, this.addressBits));
  }

  name(status: number): string {
    return statusName(this.harness, status);
  }

  get inUse(): number {
    return this.harness.poolInUse(this.pool);
  }

  /** Runs one of the harness's queries and reads its answer. */
  query(run: (into: Handle) => number): Found | string {
    const status = run(this.#translation);
    if (status !== 0) return this.name(status);
    return {
      host: BigInt.asUintN(64, this.harness.translatedAddress(this.#translation)),
      bytes: this.harness.translatedPageBytes(this.#translation),
      permissions: this.harness.translatedPermissions(this.#translation),
      memoryType: this.harness.translatedMemoryType(this.#translation),
      isAccessed: this.harness.translatedIsAccessed(this.#translation) !== 0,
      isDirty: this.harness.translatedIsDirty(this.#translation) !== 0,
    };
  }
}

/** An Ept object of the harness; its operations return the names of statuses. */
export class TestEpt {
  readonly handle: Handle;
  readonly #machine: Machine;

  constructor(machine: Machine, handle: Handle) {
    this.#machine = machine;
    this.handle = handle;
  }

  get status(): string {
    return this.#machine.name(this.#machine.harness.eptStatus(this.handle));
  }

  get pointer(): bigint {
    return BigInt.asUintN(64, this.#machine.harness.eptPointerOf(this.handle));
  }

  get root(): bigint {
    return this.pointer & 0xffffffffff000n;
  }

  map(guest: bigint, host: bigint, bytes: bigint, permissions: number): string {
    return this.#machine.name(this.#machine.harness.eptMap(this.handle, guest, host, bytes, permissions));
  }

  unmap(guest: bigint, bytes: bigint): string {
    return this.#machine.name(this.#machine.harness.eptUnmap(this.handle, guest, bytes));
  }

  protect(guest: bigint, bytes: bigint, permissions: number): string {
    return this.#machine.name(this.#machine.harness.eptProtect(this.handle, guest, bytes, permissions));
  }

  flush(): string {
    return this.#machine.name(this.#machine.harness.eptFlush(this.handle));
  }

  release(): void {
    this.#machine.harness.eptRelease(this.handle);
  }

  query(guest: bigint): Found | string {
    return this.#machine.query((into) => this.#machine.harness.eptQuery(this.handle, guest, into));
  }

  /** What the independent walker finds; fails where `query` says otherwise. */
  walk(guest: bigint): Walk {
    const walk = this.#machine.walker.walk(this.root, guest);
    const found = this.query(guest);
    if (walk.kind === "page") {
      assert.deepEqual(found, {
        host: walk.host + (guest - walk.guest),
        bytes: walk.bytes,
        permissions: walk.permissions,
        memoryType: walk.memoryType,
        isAccessed: walk.isAccessed,
        isDirty: walk.isDirty,
      });
      assert.equal(walk.ignoresPat, false);
    } else {
      assert.equal(walk.kind, "not present");
      assert.equal(found, "MAPPING_NOT_MAPPED");
    }
    return walk;
  }

  survey(): ReturnType<Walker["survey"]> {
    return this.#machine.walker.survey(this.root);
  }
}
