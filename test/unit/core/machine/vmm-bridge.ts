// vmm instances: build/vmm.wasm, one instance a VM, with boot/runtime/vmm.c's rules and trap records.
import { HostException, PF } from "./faults.ts";
import type { PhysicalMemory } from "./physical-memory.ts";
import { vcpuPage } from "./tables.ts";

/** boot/runtime/runtime.h's vmm_trap_kind. A vmm that never returns cannot be stopped here: that is Bochs's to show. */
export const TRAP = {
  OUT_OF_BOUNDS: 1,
  STACK_EXHAUSTED: 2,
  UNREACHABLE: 3,
  ABORT: 4,
  TIME_BUDGET: 5,
  ARITHMETIC: 6,
  INDIRECT_CALL: 7,
  EXCEPTION: 8,
  NO_RAM: 9,
} as const;

const kindsByMessage: readonly (readonly [RegExp, number])[] = [
  [/out of bounds/, TRAP.OUT_OF_BOUNDS],
  [/unreachable/, TRAP.UNREACHABLE],
  [/divide|integer|remainder/, TRAP.ARITHMETIC],
  [/signature|indirect|table/, TRAP.INDIRECT_CALL],
];

/** What stopped a call; `frames` are innermost first. */
export interface TrapRecord {
  readonly kind: number;
  readonly message: string;
  readonly file: string;
  readonly line: number;
  readonly frames: readonly string[];
}

interface Mapping {
  readonly address: bigint;
  readonly hpa: bigint;
  readonly bytes: bigint;
}

/** A VM's RAM, and how core is asked for a block of it that the vmm touches. */
interface Ram {
  readonly bytes: bigint;
  readonly populate: (address: bigint) => boolean;
}

interface VmmExports {
  readonly memory: WebAssembly.Memory;
  start(): void;
  create(page: number): number;
  reset(root: number): number;
  exit(root: number): number;
}

class VmmAbort extends Error {
  readonly file: string;
  readonly line: number;

  constructor(message: string, file: string, line: number) {
    super(message);
    this.file = file;
    this.line = line;
  }
}

const PAGE = 4096n;
const OWN_START = 0xc0000000n;
const MODULES_START = BigInt(vcpuPage("MODULE_IN_VMM"));
const MODULES_END = BigInt(vcpuPage("VCPU_PAGE_IN_VMM"));
const BLOCK = 0x200000n;
const EXIT = 3;
const NOTHING = 0;
const READ_ONLY = 1;
const zeroes = Buffer.alloc(Number(BLOCK));
const MAXIMUM_VMS = 16;
const END_OF_MEMORY = 1n << 32n;
const TRAPPED = 1n << 32n;
const FRAMES = 8;
const STACK_FRAME = /^ {4}at (hv\/vmm\/\S+) \(wasm:/;

/** The figures of the physical machine that vmm_map judges by. */
export interface MachineLimits {
  readonly imageStart: bigint;
  readonly imageEnd: bigint;
  readonly addressBits: number;
  /** Whether the guest that runs has touched the block of RAM at an address, which is there since. */
  readonly guestHas: (address: bigint) => boolean;
  /** The time-stamp counter. */
  readonly clock: () => bigint;
}

export class VmmBridge {
  /** Of each slot, what was ever mapped for the vmms of its VMs. */
  readonly mappings = new Map<number, Mapping[]>();
  /** The same, as far as it is mapped now. */
  readonly #live = new Map<number, Mapping[]>();
  readonly #rams = new Map<number, Ram>();
  /** Slots whose vmm is there. */
  readonly #isThere = new Set<number>();
  /** A block that the vmm has written to in its own memory is being mapped: the bytes there are the newer ones. */
  #vmmIsNewer = false;
  /** Of each slot, the vmm that it has, or had last. */
  readonly instances = new Map<number, VmmExports>();
  /** Entries called, in order: VM and entry number. */
  readonly calls: [number, number][] = [];
  lastTrap: TrapRecord = { kind: 0, message: "", file: "", line: 0, frames: [] };
  readonly #module: WebAssembly.Module;
  readonly #memory: PhysicalMemory;
  readonly #limits: MachineLimits;

  constructor(module: WebAssembly.Module, memory: PhysicalMemory, limits: MachineLimits) {
    this.#module = module;
    this.#memory = memory;
    this.#limits = limits;
  }

  /** vmmMap of hv/core/hardware.ts. */
  map(vm: number, address: bigint, hpa: bigint, bytes: bigint, how: number): number {
    const { imageStart, imageEnd, addressBits } = this.#limits;
    const end = hpa + bytes;
    const isAligned = (address | hpa | bytes) % PAGE === 0n;
    const inImage = hpa < imageEnd && end > imageStart;
    const isGood =
      vm < MAXIMUM_VMS &&
      isAligned &&
      bytes !== 0n &&
      end <= 1n << BigInt(addressBits) &&
      address + bytes <= END_OF_MEMORY;
    if (!isGood || inImage) return 1;
    if (how === NOTHING) this.#unmap(vm, address);
    // What the vmm only reads, a boot module, is copied: the instance is there already.
    else if (how === READ_ONLY) this.#show(vm, address, hpa, Number(bytes));
    else this.#mapLive(vm, { address, hpa, bytes });
    return 0;
  }

  #show(vm: number, address: bigint, hpa: bigint, bytes: number): void {
    const instance = this.instances.get(vm);
    if (!instance) throw new Error("a boot module was mapped before its vmm was instantiated");
    const mapping = { address, hpa, bytes: BigInt(bytes) };
    this.#record(vm, mapping);
    this.#live.set(vm, [...(this.#live.get(vm) ?? []), mapping]);
    new Uint8Array(instance.memory.buffer, Number(address), bytes).set(this.#memory.read(hpa, bytes));
  }

  #mapLive(vm: number, mapping: Mapping): void {
    const isThere = this.#live.get(vm)?.some((each) => each.address === mapping.address && each.hpa === mapping.hpa);
    if (isThere) return;
    for (const [other, mappings] of this.#live) {
      const shared = mappings.find(({ hpa, bytes }) => hpa < mapping.hpa + mapping.bytes && mapping.hpa < hpa + bytes);
      if (shared) throw new Error(`core gave vm${vm} memory at ${mapping.hpa.toString(16)} that vm${other} has`);
    }
    this.#record(vm, mapping);
    this.#live.set(vm, [...(this.#live.get(vm) ?? []), mapping]);
    const bytes = this.#ramBytes(vm, mapping);
    if (!bytes) return;
    if (!this.#vmmIsNewer) bytes.set(this.#memory.read(mapping.hpa, bytes.length));
    this.#memory.attach(mapping.hpa, bytes);
  }

  #record(vm: number, mapping: Mapping): void {
    this.mappings.set(vm, [...(this.mappings.get(vm) ?? []), mapping]);
  }

  #unmap(vm: number, address: bigint): void {
    const mapping = this.#live.get(vm)?.find((candidate) => candidate.address === address);
    if (!mapping) return;
    this.#live.set(
      vm,
      this.#live.get(vm)!.filter((candidate) => candidate !== mapping),
    );
    if (this.#ramBytes(vm, mapping)) this.#memory.detach(mapping.hpa);
  }

  /** The bytes of a vmm's memory that are guest RAM, or a disk. */
  #ramBytes(vm: number, { address, bytes }: Mapping): Uint8Array | null {
    const exports = this.instances.get(vm);
    const isOwn = address >= OWN_START && (address < MODULES_START || address >= MODULES_END);
    if (!exports || !this.#isThere.has(vm) || isOwn) return null;
    return new Uint8Array(exports.memory.buffer, Number(address), Number(bytes));
  }

  /** The vCPU page of the vmm in a slot. */
  pageOf(vm: number): Mapping | undefined {
    return this.#live.get(vm)?.find(({ address }) => address === BigInt(vcpuPage("VCPU_PAGE_IN_VMM")));
  }

  /**
   * vmmInstantiate. Guest RAM is the instance's own memory: it appears in physical memory where it was mapped from. The state
   * is not simulated; where it is taken away nothing may be left that is mapped.
   */
  instantiate(vm: number, state: bigint, ramBytes: bigint, populate: (address: bigint) => boolean): number {
    if (vm >= MAXIMUM_VMS) return 1;
    if (state === 0n) return this.#remove(vm);
    if (!this.#live.get(vm)?.some(({ address }) => address === OWN_START)) return 1;
    if (this.#isThere.has(vm)) throw new Error(`core made a vmm in slot ${vm}, which has one`);
    const instance = new WebAssembly.Instance(this.#module, {
      env: {
        abort: (message: number, file: number, line: number) => {
          throw new VmmAbort(textAt(exports.memory, message), textAt(exports.memory, file), line >>> 0);
        },
      },
      host: { clock: this.#limits.clock },
    });
    const exports = instance.exports as unknown as VmmExports;
    this.instances.set(vm, exports);
    this.#rams.set(vm, { bytes: ramBytes, populate });
    this.#isThere.add(vm);
    return 0;
  }

  #remove(vm: number): number {
    const left = this.#live.get(vm)?.[0];
    if (left) throw new Error(`core took the vmm in slot ${vm} away, which still has ${left.hpa.toString(16)}`);
    this.#isThere.delete(vm);
    return 0;
  }

  /** readGuest: eight bytes of guest RAM, by the vmm's own mappings of it, all of them within one. */
  readGuest(vm: number, address: bigint): bigint {
    const mapping = this.#live
      .get(vm)
      ?.find((each) => each.address <= address && address + 8n <= each.address + each.bytes);
    if (!mapping || mapping.address >= OWN_START) {
      throw new HostException(PF, `read of vm${vm}'s RAM at ${address.toString(16)}, which its vmm does not map`);
    }
    return this.#memory.read64(mapping.hpa + (address - mapping.address));
  }

  /** How many mappings there are of all vmms. */
  get mapped(): number {
    return [...this.#live.values()].reduce((sum, mappings) => sum + mappings.length, 0);
  }

  /** The RAM that core instantiated the vmm for that a slot has, or had last, most of it not there until it is touched. */
  ramBytes(vm: number): bigint {
    return this.#rams.get(vm)?.bytes ?? 0n;
  }

  /** The blocks of RAM that are not mapped in the vmm. */
  #unmappedBlocks(vm: number): bigint[] {
    const mapped = new Set(this.#live.get(vm)?.map(({ address }) => address));
    const blocks: bigint[] = [];
    for (let address = 0n; address < this.ramBytes(vm); address += BLOCK) {
      if (!mapped.has(address)) blocks.push(address);
    }
    return blocks;
  }

  // A Wasm memory has no page faults. So what the guest has touched is mapped before a call, and what the vmm has written to
  // behind it: whatever the vmm only reads there is 0 with and without.

  #mapWhatGuestTouched(vm: number): void {
    for (const address of this.#unmappedBlocks(vm)) {
      if (this.#limits.guestHas(address)) this.#populate(vm, address);
    }
  }

  #mapWhatVmmTouched(vm: number): boolean {
    const memory = this.instances.get(vm)!.memory.buffer;
    this.#vmmIsNewer = true;
    const isPopulated = this.#unmappedBlocks(vm).every((address) => {
      const block = Buffer.from(memory, Number(address), Number(BLOCK));
      return zeroes.equals(block) || this.#populate(vm, address);
    });
    this.#vmmIsNewer = false;
    return isPopulated;
  }

  #populate(vm: number, address: bigint): boolean {
    return this.#rams.get(vm)!.populate(address);
  }

  /** vmmCall: the vCPU page is shared on the metal, here it is copied in and out around the call. */
  call(vm: number, entry: number, argument: number): bigint {
    const exports = this.instances.get(vm);
    const functions = exports && [
      () => (exports.start(), 0),
      () => exports.create(argument),
      () => exports.reset(argument),
      () => exports.exit(argument),
    ];
    const call = functions?.[entry];
    if (!exports || !call) return TRAPPED | BigInt(TRAP.INDIRECT_CALL);
    this.calls.push([vm, entry]);
    const page = this.pageOf(vm);
    const inVmm = page && new Uint8Array(exports.memory.buffer, Number(page.address), Number(page.bytes));
    if (page && inVmm) inVmm.set(this.#memory.read(page.hpa, Number(page.bytes)));
    if (entry === EXIT) this.#mapWhatGuestTouched(vm);
    try {
      const answer = BigInt(call() >>> 0);
      if (this.#mapWhatVmmTouched(vm)) return answer;
      this.lastTrap = { kind: TRAP.NO_RAM, message: "", file: "", line: 0, frames: [] };
      return TRAPPED | BigInt(TRAP.NO_RAM);
    } catch (error) {
      this.lastTrap = trapRecord(error);
      return TRAPPED | BigInt(this.lastTrap.kind);
    } finally {
      if (page && inVmm) this.#memory.write(page.hpa, inVmm);
    }
  }
}

function trapRecord(error: unknown): TrapRecord {
  if (!(error instanceof Error)) throw error;
  const names = (error.stack ?? "").split("\n").map((line) => STACK_FRAME.exec(line)?.[1] ?? "");
  const frames = names.filter((name) => name !== "").slice(0, FRAMES);
  if (error instanceof VmmAbort) {
    return { kind: TRAP.ABORT, message: error.message, file: error.file, line: error.line, frames };
  }
  const nothing = { message: "", file: "", line: 0, frames };
  if (error instanceof RangeError) return { kind: TRAP.STACK_EXHAUSTED, ...nothing };
  if (!(error instanceof WebAssembly.RuntimeError)) throw error;
  const kind = kindsByMessage.find(([pattern]) => pattern.test(error.message))?.[1];
  if (kind === undefined) throw error;
  return { kind, ...nothing };
}

/** The text of an AssemblyScript string. */
export function textAt(memory: WebAssembly.Memory, pointer: number): string {
  const start = pointer >>> 0;
  const bytes = new DataView(memory.buffer).getUint32(start - 4, true);
  return Buffer.from(memory.buffer, start, bytes).toString("utf16le");
}
