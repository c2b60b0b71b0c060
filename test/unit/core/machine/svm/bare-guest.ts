// A guest by SVM without core: a VMCB, nested tables and registers made by hand, for tests of the simulated processor itself.
import { ByteWriter } from "../byte-writer.ts";
import type { CpuModel } from "../cpu-model.ts";
import type { Exit, Script } from "../exits.ts";
import { PhysicalMemory } from "../physical-memory.ts";
import { Processor } from "../processor.ts";
import { msr, vmcb } from "../tables.ts";
import { writeHostTables } from "../host-tables.ts";
import { Svm } from "./svm.ts";
import { SvmEntry } from "./svm-entry.ts";
import { VMCB_BYTES, VmcbImage } from "./vmcb-image.ts";

export const VMCB = 0x400000n;
export const HOST_STATE = 0x401000n;
const HOST_SAVE_AREA = 0x402000n;
export const IOPM = 0x410000n;
export const MSRPM = 0x414000n;
export const ROOT = 0x420000n;
/** Where guest-physical memory begins in host-physical memory, and the page table that maps its first 2 MiB. */
export const RAM = 0x800000n;
export const PAGE_TABLE = ROOT + 0x3000n;
const CODE = 0x10000n;
const CORE_BYTES = 0x10000;
const REGISTERS_END = 0x1000;
/** Present, writable, a user's. */
export const ALL_RIGHTS = 7n;

const intercepts: Readonly<Record<string, readonly string[]>> = {
  VMCB_INTERCEPT_MISC1: ["INTR", "NMI", "VINTR", "CPUID", "HLT", "IOIO", "MSR", "SHUTDOWN", "TASK_SWITCH", "IRET"],
  VMCB_INTERCEPT_MISC2: ["VMRUN", "VMMCALL", "XSETBV"],
};
/** 64-bit mode with paging off the host's: CR0, CR4 and EFER as a kernel has them. */
const state: Readonly<Record<string, bigint>> = {
  CR0: 0x80000011n,
  CR3: 0x20000n,
  CR4: 0x20n,
  EFER: 0x1d00n,
  DR6: 0xffff0ff0n,
  DR7: 0x400n,
  RFLAGS: 0x2n,
  RIP: CODE,
  G_PAT: 0x0007040600070406n,
  N_CR3: ROOT,
  IOPM_BASE_PA: IOPM,
  MSRPM_BASE_PA: MSRPM,
  GUEST_ASID: 1n,
  NESTED_CONTROL: 1n,
  CS: 0x0a9b0008n | (0xffffffffn << 32n),
  SS: 0x0c930010n | (0xffffffffn << 32n),
  VINTR: BigInt(vmcb("VINTR_MASKING")),
};

export class BareGuest {
  readonly memory = new PhysicalMemory();
  readonly processor: Processor;
  readonly svm: Svm;
  readonly entry: SvmEntry;

  constructor(model: CpuModel, script: Script) {
    this.processor = new Processor(model);
    this.svm = new Svm(this.processor, this.memory);
    this.entry = new SvmEntry(this.svm, new ArrayBuffer(CORE_BYTES), () => script);
    writeHostTables(this.memory);
    this.processor.wrmsr(msr("IA32_EFER"), 0x1d01n);
    this.processor.wrmsr(msr("VM_HSAVE_PA"), HOST_SAVE_AREA);
    this.svm.vmsave(HOST_STATE);
    this.#writeTables();
    const image = new VmcbImage(VMCB, new Uint8Array(VMCB_BYTES));
    for (const [name, value] of Object.entries(state)) image.set(`VMCB_${name}`, value);
    for (const [word, names] of Object.entries(intercepts)) {
      image.set(
        word,
        names.reduce((bits, name) => bits | BigInt(vmcb(`INTERCEPT_${name}`)), 0n),
      );
    }
    this.memory.write(VMCB, image.bytes);
    this.memory.write(IOPM, new Uint8Array(3 * VMCB_BYTES).fill(0xff));
    this.memory.write(MSRPM, new Uint8Array(2 * VMCB_BYTES).fill(0xff));
  }

  /** A field of the VMCB in memory. */
  get(name: string): bigint {
    return this.#image().get(`VMCB_${name}`);
  }

  /** Writes a field as software does: the processor may have another. */
  set(name: string, value: bigint): void {
    const image = this.#image();
    image.set(`VMCB_${name}`, value);
    this.memory.write(VMCB, image.bytes);
  }

  /** Writes 64 bits of a table. */
  write64(address: bigint, value: bigint): void {
    this.memory.write(address, new ByteWriter().u64(value).bytes());
  }

  /** VMRUN; EXITCODE's low half. */
  enter(vmcbAddress = VMCB): number {
    this.entry.enter(REGISTERS_END, vmcbAddress, HOST_STATE);
    return Number(this.get("EXITCODE") & 0xffffffffn);
  }

  #image(): VmcbImage {
    return new VmcbImage(VMCB, this.memory.read(VMCB, VMCB_BYTES));
  }

  /** Nested: the first 2 MiB by pages of 4 KiB. The guest's own: 2 MiB mapped to themselves. */
  #writeTables(): void {
    for (let level = 0n; level < 3n; level++) {
      this.write64(ROOT + level * 0x1000n, (ROOT + (level + 1n) * 0x1000n) | ALL_RIGHTS);
    }
    for (let page = 0n; page < 512n; page++) this.write64(PAGE_TABLE + 8n * page, (RAM + (page << 12n)) | ALL_RIGHTS);
    for (let level = 0n; level < 2n; level++) {
      this.write64(RAM + 0x20000n + level * 0x1000n, (0x21000n + level * 0x1000n) | ALL_RIGHTS);
    }
    this.write64(RAM + 0x22000n, 0x83n);
  }
}

/** A script of single exits, each made when the guest is at that point. */
export function doing(...turns: readonly ((guest: Parameters<Script>[0]) => Exit)[]): Script {
  return function* (guest) {
    for (const turn of turns) yield turn(guest);
  };
}
