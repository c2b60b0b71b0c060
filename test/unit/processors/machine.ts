// A machine for the tests of this folder: memory, ports, a processor with its local APIC, and the harness on it.
import { DeviceRegisters } from "../core/machine/device-registers.ts";
import { LocalApic } from "../core/machine/local-apic.ts";
import { PhysicalMemory } from "../core/machine/physical-memory.ts";
import { Ports } from "../core/machine/ports.ts";
import { Processor } from "../core/machine/processor.ts";
import { skylake, type CpuModel } from "../core/machine/cpu-model.ts";
import { msr } from "../core/machine/tables.ts";
import { textAt } from "../core/machine/vmm-bridge.ts";
import { compileHarness } from "../vmm/harness.ts";

type Handle = number;

/** The exports of finding-harness.ts. */
interface Harness {
  readonly memory: WebAssembly.Memory;
  start(): void;
  find(rsdp: bigint, mode: number, bootApicId: number): Handle;
  count(list: Handle): number;
  apicId(list: Handle, index: number): number;
  trampolinePage(kind: number, information: bigint): bigint;
  createApic(): Handle;
  idOf(apic: Handle): number;
  modeOf(apic: Handle): number;
  startLike(apic: Handle, mode: number, base: bigint): Handle;
  sendInit(apic: Handle, id: number): number;
  sendStartup(apic: Handle, id: number, vector: number): number;
  sendInterrupt(apic: Handle, id: number, vector: number): number;
  createDelay(): Handle;
  wait(delay: Handle, microseconds: number): number;
  wakeProcessor(apic: Handle, id: number, page: bigint, delay: Handle): number;
}

// As in hv/core/interrupts/local-apic.ts.
export const XAPIC = 1;
export const X2APIC = 2;
export const APIC_BASE = 0xfee00000n;
const X2APIC_CPUID = 1 << 21;

export class ProcessorMachine {
  memory = new PhysicalMemory();
  readonly ports = new Ports();
  readonly localApic = new LocalApic();
  readonly processor: Processor;
  readonly harness: Harness;
  /** Whether the processor that is woken has come; asked each time. */
  arrived: () => boolean = () => false;
  /** How interrupt handlers reach the local APIC's EOI. */
  localApicOfHandlers: { readonly mode: number; readonly base: bigint } | null = null;
  readonly #devices = new DeviceRegisters();
  #console = "";

  /** A machine on `module`, which `compile` gives; x2APIC as IA32_APIC_BASE's `apicBase` and CPUID say. */
  constructor(module: WebAssembly.Module, apicBase = APIC_BASE | 0x900n, hasX2apic = true) {
    const [eax, ebx, ecx, edx] = skylake.leaf(1);
    const features = hasX2apic ? ecx | X2APIC_CPUID : ecx & ~X2APIC_CPUID;
    const model: CpuModel = skylake.withLeaf(1, [eax, ebx, features >>> 0, edx]);
    this.processor = new Processor(model, this.localApic);
    this.processor.msrs.set(msr("IA32_APIC_BASE"), apicBase);
    this.#devices.attach(() => this.processor.apicPage, 0x1000n, this.localApic);
    const instance = new WebAssembly.Instance(module, this.#imports());
    this.harness = instance.exports as unknown as Harness;
    this.harness.start();
  }

  static async compile(): Promise<WebAssembly.Module> {
    return compileHarness("test/unit/processors/finding-harness.ts", []);
  }

  /** The IDs of the processors that are found, and what is said about it. */
  find(rsdp: bigint, mode = XAPIC, bootApicId = 0): { readonly ids: number[]; readonly lines: string[] } {
    this.#console = "";
    const list = this.harness.find(rsdp, mode, bootApicId);
    const ids = Array.from({ length: this.harness.count(list) }, (_, i) => this.harness.apicId(list, i) >>> 0);
    return { ids, lines: this.#console.split("\n").slice(0, -1) };
  }

  text(pointer: Handle): string {
    return textAt(this.harness.memory, pointer);
  }

  #bytes(pointer: number, length: number): Buffer {
    return Buffer.from(this.harness.memory.buffer, pointer >>> 0, length);
  }

  /** The imports of hv/core/hardware.ts that the harness needs. */
  #imports(): WebAssembly.Imports {
    const { processor } = this;
    const hardware = {
      cpuid: (leaf: number, subleaf: number, out: number) => {
        const [eax, ebx, ecx, edx] = processor.cpuid(leaf >>> 0, subleaf >>> 0);
        [eax, ecx, edx, ebx].forEach((value, i) => this.#bytes(out + 8 * i, 8).writeBigUInt64LE(BigInt(value)));
      },
      rdmsr: (index: number) => processor.rdmsr(index >>> 0),
      tryRdmsr: (index: number, out: number) => {
        const value = processor.msrOrNothing(index >>> 0);
        if (value !== undefined) this.#bytes(out, 8).writeBigUInt64LE(value);
        return value === undefined ? 0 : 1;
      },
      wrmsr: (index: number, value: bigint) => processor.wrmsr(index >>> 0, BigInt.asUintN(64, value)),
      readDevice32: (address: bigint) => this.#devices.read(BigInt.asUintN(64, address)),
      writeDevice32: (address: bigint, value: number) => this.#devices.write(BigInt.asUintN(64, address), value >>> 0),
      setLocalApic: (mode: number, base: bigint) => void (this.localApicOfHandlers = { mode, base }),
      in8: (port: number) => this.ports.in(port, 1),
      out8: (port: number, value: number) => this.ports.out(port, 1, value),
      readPhysical: (address: bigint, to: number, length: number) =>
        this.#bytes(to, length).set(this.memory.read(BigInt.asUintN(64, address), length)),
      consoleWrite: (text: number, length: number) =>
        void (this.#console += this.#bytes(text, length).toString("latin1")),
    };
    const abort = (message: number, file: number, line: number): never => {
      throw new Error(`abort: ${this.text(message)} at ${this.text(file)}:${line}`);
    };
    return { env: { abort }, hardware, "finding-harness": { arrived: () => (this.arrived() ? 1 : 0) } };
  }
}
