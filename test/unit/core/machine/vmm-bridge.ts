// vmm instances: build/vmm.wasm, one instance a VM, with boot/runtime/vmm.c's rules and trap records.
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
const MAXIMUM_VMS = 16;
const END_OF_MEMORY = 1n << 32n;
const TRAPPED = 1n << 32n;
const FRAMES = 8;
const STACK_FRAME = /^ {4}at (hv\/vmm\/\S+) \(wasm:/;

/** The figures of the physical machine that vmm_map judges by. */
export interface MachineLimits {
  readonly imageStart: bigint;
  readonly imageEnd: bigint;
  readonly coreStart: bigint;
  readonly coreEnd: bigint;
  readonly addressBits: number;
}

export class VmmBridge {
  /** Of each VM, what was mapped for it. */
  readonly mappings = new Map<number, Mapping[]>();
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
  map(vm: number, address: bigint, hpa: bigint, bytes: bigint, isReadOnly = false): number {
    const { imageStart, imageEnd, coreStart, coreEnd, addressBits } = this.#limits;
    const end = hpa + bytes;
    const isAligned = (address | hpa | bytes) % PAGE === 0n;
    const inImage = hpa < imageEnd && end > imageStart;
    const inCore = hpa >= coreStart && end <= coreEnd;
    const isGood =
      vm < MAXIMUM_VMS &&
      isAligned &&
      bytes !== 0n &&
      end <= 1n << BigInt(addressBits) &&
      address + bytes <= END_OF_MEMORY;
    if (!isGood || (inImage && !inCore)) return 1;
    // What the vmm only reads, a boot module, is copied: the instance is there already.
    if (isReadOnly) this.#show(vm, address, hpa, Number(bytes));
    this.mappings.set(vm, [...(this.mappings.get(vm) ?? []), { address, hpa, bytes }]);
    return 0;
  }

  #show(vm: number, address: bigint, hpa: bigint, bytes: number): void {
    const instance = this.instances.get(vm);
    if (!instance) throw new Error("a boot module was mapped before its vmm was instantiated");
    new Uint8Array(instance.memory.buffer, Number(address), bytes).set(this.#memory.read(hpa, bytes));
  }

  /** vmmInstantiate. Guest RAM is the instance's own memory: it appears in physical memory where it was mapped from. */
  instantiate(vm: number): number {
    const mappings = this.mappings.get(vm) ?? [];
    if (vm >= MAXIMUM_VMS || !mappings.some(({ address }) => address === OWN_START)) return 1;
    const instance = new WebAssembly.Instance(this.#module, {
      env: {
        abort: (message: number, file: number, line: number) => {
          throw new VmmAbort(textAt(exports.memory, message), textAt(exports.memory, file), line >>> 0);
        },
      },
      host: { clock: () => 1n },
    });
    const exports = instance.exports as unknown as VmmExports;
    this.instances.set(vm, exports);
    for (const { address, hpa, bytes } of mappings) {
      if (address < OWN_START) {
        this.#memory.attach(hpa, new Uint8Array(exports.memory.buffer, Number(address), Number(bytes)));
      }
    }
    return 0;
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
    const page = (this.mappings.get(vm) ?? []).find(({ address }) => address === BigInt(vcpuPage("VCPU_PAGE_IN_VMM")));
    const inVmm = page && new Uint8Array(exports.memory.buffer, Number(page.address), Number(page.bytes));
    if (page && inVmm) inVmm.set(this.#memory.read(page.hpa, Number(page.bytes)));
    try {
      return BigInt(call() >>> 0);
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
