// The simulated machine: build/core.wasm on a simulated processor, from `boot` to its end.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildDirectory } from "../../../../tools/paths.ts";
import { writeAcpi, type AcpiOptions } from "./acpi.ts";
import { entryAddress } from "../../ept/walker.ts";
import { has, u64 } from "./bits.ts";
import {
  MULTIBOOT2,
  pcMemoryMap,
  PVH,
  writeMultiboot2,
  writePvh,
  type BootFacts,
  type MemoryRange,
  type Module,
} from "./boot-information.ts";
import { MachineClock, Pit, toldKilohertz } from "./clock.ts";
import type { CpuModel } from "./cpu-model.ts";
import { END_STEPS_BYTES, readEndSteps, type EndStep } from "./end-steps.ts";
import type { Entry } from "./entry.ts";
import type { Script } from "./exits.ts";
import { Finished, HostException, Panic, PF } from "./faults.ts";
import { GDT, IDT, MIRROR_CODE, segmentDescriptor, writeHostTables } from "./host-tables.ts";
import { interpreted } from "./interpreter.ts";
import { LocalApic } from "./local-apic.ts";
import { DeviceRegisters } from "./device-registers.ts";
import { PhysicalMemory } from "./physical-memory.ts";
import { Pm1Control } from "./pm1.ts";
import { Ports } from "./ports.ts";
import { Processor, WRITABLE_REGISTERS } from "./processor.ts";
import { Rtc } from "./rtc.ts";
import { hasSvm } from "./svm/features.ts";
import { SerialPort } from "./serial-port.ts";
import { sharedWords } from "./shared-words.ts";
import { Svm } from "./svm/svm.ts";
import { SvmEntry } from "./svm/svm-entry.ts";
import { field } from "./tables.ts";
import { VmEntry } from "./vm-entry.ts";
import { vendor } from "./vendor.ts";
import { textAt, VmmBridge } from "./vmm-bridge.ts";
import { VcpuPageView } from "./vcpu-page.ts";
import { Vmcs } from "./vmcs.ts";
import { VM_FAIL_INVALID, VM_SUCCEED, Vmx, type Outcome } from "./vmx.ts";

const coreModule = new WebAssembly.Module(readFileSync(join(buildDirectory, "core.wasm")));
const vmmModule = new WebAssembly.Module(readFileSync(join(buildDirectory, "vmm.wasm")));

const IMAGE_START = 0x100000n;
const CORE_START = 0x180000n;
/** What the image has for core (linker.ld); behind it lie the areas of VMs. */
const CORE_BYTES = 0x400000;
const NOTHING = 0;
const AREA_BYTES = 0x180000n;
/** What is left where an area was. */
const GONE = 0xa5;
const PAGE_ADDRESS = 0xffffffffff000n;
const BLOCK = 0x200000;
const MEMORY_BASE = 0x8040000000n;
const INFORMATION = 0x10000n;
const COM1 = 0x3f8;
/** hv/core/vmm.ts's VMM_ENTRY_EXIT. */
const EXIT_ENTRY = 3;
// Of hv/core/vcpu/work.ts.
const WORK_TICK = 2;
export const WORK_MAIL = 4;
const EXIT_RIP = 0x104f80n;
/** Frames of a stopped vmm get addresses from here on; symbolAt names them. */
const FIRST_FRAME = 0x102000n;

/** A VMX instruction that fails though nothing is wrong with it: VMfailInvalid, or VMfailValid with the error given. */
export interface Failure {
  readonly instruction: "VMXON" | "VMXOFF" | "VMCLEAR" | "VMPTRLD" | "INVEPT" | "INVVPID" | "VM entry";
  /** Which of its executions fails, from 1 on. */
  readonly execution: number;
  readonly error?: number;
}

export interface MachineOptions {
  /** That of the vendor whose turn it is (vendor.ts) unless it is given. */
  readonly cpu?: CpuModel;
  readonly commandLine?: string;
  readonly loader?: "multiboot2" | "pvh";
  readonly memoryMap?: readonly MemoryRange[];
  readonly modules?: readonly Module[];
  /** null: no ACPI. */
  readonly acpi?: AcpiOptions | null;
  /** The script of the first VMLAUNCH, of the second, …; the last one serves the rest. */
  readonly scripts?: readonly Script[];
  readonly failures?: readonly Failure[];
  /** What openScreen answers: 80 columns and 25 rows unless it is given. */
  readonly screenAnswer?: number;
  /** Both are there unless they are false. */
  readonly hasSerial?: boolean;
  readonly hasKeyboard?: boolean;
  /** What was typed before core asks for a key. */
  readonly staleKeys?: readonly number[];
  /** What the keyboard answers to polls after core has asked for a key; 0 is no key. */
  readonly keys?: readonly number[];
  /** A VM exit that loads another host state than the one before the entry is no defect: the VMCS is wrong on purpose. */
  readonly hostMayChange?: boolean;
  /** Plays the vmm at an exit: an answer of hv/shared/vcpu-page.ts, or null where vmm.wasm is to be asked. */
  readonly answer?: (page: VcpuPageView) => number | null;
  /** The byte of which all memory is full that nobody has written yet: 0 unless it is given. */
  readonly leftovers?: number;
  /** What an interrupt brings, as bits of WORK_*: the timer's tick unless it is given. */
  readonly interruptWork?: number;
  /** The service of the runtime that refuses, though nothing is wrong, when it is asked for the `call`-th time, from 1 on. */
  readonly refuses?: { readonly service: "coreMap" | "vmmMap" | "vmmInstantiate"; readonly call: number };
  /** Is told of each text that core prints, before core goes on. */
  readonly onText?: (text: string, machine: Machine) => void;
  /** TSC ticks that pass before each interrupt: none unless it is given, and RDTSC alone counts. */
  readonly ticksBeforeInterrupt?: bigint;
  /** kHz that the time-stamp counter really has: what CPUID tells unless it is given. */
  readonly tscKilohertz?: bigint;
  /** There is an 8254 unless it is false. */
  readonly hasPit?: boolean;
  /** Changes the machine before core starts. */
  readonly prepare?: (machine: Machine) => void;
}

/** How a run of core ended. */
export interface Run {
  readonly result: number;
  readonly name: string;
  readonly lines: readonly string[];
  readonly machine: Machine;
}

interface CoreExports {
  readonly memory: WebAssembly.Memory;
  boot(kind: number, information: number): void;
  populate(memory: number, address: bigint): number;
  start(): void;
}

export class Machine {
  readonly memory: PhysicalMemory;
  readonly ports = new Ports();
  readonly serial = new SerialPort();
  readonly devices = new DeviceRegisters();
  readonly clock: MachineClock;
  readonly localApic: LocalApic;
  readonly processor: Processor;
  readonly vmx: Vmx;
  readonly vmms: VmmBridge;
  readonly svm: Svm;
  /** The entries of this CPU's vendor. */
  readonly entry: Entry;
  readonly core: WebAssembly.Memory;
  /** The areas of the VMs that are there: host-physical addresses, and those in core's memory. */
  readonly areas = new Map<bigint, number>();
  /** Privileged instructions in order: VMXON, VMCLEAR, …, MOV CR4. */
  readonly trace: string[] = [];
  /** The steps that end the machine, as core handed them over last. */
  endSteps: readonly EndStep[] = [];
  /** How interrupt handlers reach the local APIC's EOI, once core has said it. */
  localApicOfHandlers: { readonly mode: number; readonly base: bigint } | null = null;
  /** How often core has begun to run a vCPU. */
  slices = 0;
  /** What core opened as the screen: the arguments of openScreen. */
  screen: readonly (bigint | number)[] | null = null;
  /** What `boot` is called with. */
  loader: { kind: number; address: bigint };
  readonly #vmEntry: VmEntry;
  readonly #svmEntry: SvmEntry;
  readonly #options: MachineOptions;
  readonly #exports: CoreExports;
  readonly #staleKeys: number[];
  readonly #keys: number[];
  #console = "";
  #hasSerial = true;
  #end: { result: number; name: string } | null = null;
  #workWord: number | null = null;
  readonly #executions = new Map<string, number>();

  constructor(options: MachineOptions = {}) {
    this.#options = options;
    this.memory = new PhysicalMemory(options.leftovers);
    this.#staleKeys = [...(options.staleKeys ?? [])];
    this.#keys = [...(options.keys ?? [])];
    const cpu = options.cpu ?? vendor().cpu;
    this.clock = new MachineClock(options.tscKilohertz ?? toldKilohertz(cpu));
    this.localApic = new LocalApic(this.clock);
    this.processor = new Processor(cpu, this.localApic);
    this.devices.attach(() => this.processor.apicPage, 0x1000n, this.localApic);
    this.vmx = new Vmx(this.processor, this.memory);
    this.svm = new Svm(this.processor, this.memory);
    const instance = new WebAssembly.Instance(coreModule, this.#imports());
    this.#exports = instance.exports as unknown as CoreExports;
    this.core = this.#exports.memory;
    this.memory.attach(CORE_START, new Uint8Array(this.core.buffer, 0, CORE_BYTES));
    writeHostTables(this.memory);
    const scripts = options.scripts ?? [interpreted];
    const script = (vcpu: number): Script => scripts[Math.min(vcpu, scripts.length - 1)] ?? interpreted;
    this.#vmEntry = new VmEntry(this.vmx, this.core.buffer, MEMORY_BASE, script, options.hostMayChange ?? false);
    this.#svmEntry = new SvmEntry(this.svm, this.core.buffer, script);
    this.entry = hasSvm(cpu) ? this.#svmEntry : this.#vmEntry;
    this.vmms = new VmmBridge(vmmModule, this.memory, {
      imageStart: IMAGE_START,
      imageEnd: this.imageEnd,
      addressBits: cpu.maximumPhysicalAddress,
      guestHas: (address) => this.#guestHas(address),
      clock: () => this.clock.read(),
    });
    this.ports.attach(0x70, 2, new Rtc());
    if (options.hasPit !== false) this.ports.attach(0x40, 4, new Pit(this.clock));
    this.ports.attach(0xb004, 2, new Pm1Control());
    if (options.hasSerial !== false) this.ports.attach(COM1, 8, this.serial);
    this.loader = this.#load();
    options.prepare?.(this);
  }

  /** Runs core to its end. An error of the test's own, or of the simulation, is thrown. */
  run(): Run {
    const end = this.#boot();
    this.entry.finish();
    const lines = this.#console.split("\n").slice(0, -1);
    if (this.#console.endsWith("\n") || this.#console === "") return { ...end, lines, machine: this };
    throw new Error(`core left a line unfinished: ${this.#console.split("\n").at(-1)}`);
  }

  get imageStart(): bigint {
    return IMAGE_START;
  }
  get imageEnd(): bigint {
    return CORE_START + BigInt(CORE_BYTES) + 0x20000n;
  }

  #boot(): { result: number; name: string } {
    try {
      this.#exports.start();
      this.#exports.boot(this.loader.kind, Number(this.loader.address) | 0);
    } catch (error) {
      if (error instanceof Finished || error instanceof Panic) return { result: error.result, name: error.resultName };
      if (error instanceof HostException) {
        this.#console += `basalt: panic: ${error.message}\n`;
        return { result: 60, name: "host-exception" };
      }
      throw error;
    }
    throw new Error("core returned without a result");
  }

  #load(): { kind: number; address: bigint } {
    const { commandLine = "", memoryMap = pcMemoryMap, modules = [], acpi = {}, loader } = this.#options;
    const rsdp = acpi === null ? null : writeAcpi(this.memory, acpi);
    const facts: BootFacts = { commandLine, memoryMap, modules, rsdp };
    if (loader === "pvh") writePvh(this.memory, INFORMATION, facts);
    else writeMultiboot2(this.memory, INFORMATION, facts);
    return { kind: loader === "pvh" ? PVH : MULTIBOOT2, address: INFORMATION };
  }

  /** Executes a VMX instruction, unless the test has it fail. */
  #execute(instruction: Failure["instruction"], operand: bigint | null, execute: () => Outcome): Outcome {
    const execution = (this.#executions.get(instruction) ?? 0) + 1;
    this.#executions.set(instruction, execution);
    this.trace.push(operand === null ? instruction : `${instruction} ${operand.toString(16)}`);
    const failure = this.#options.failures?.find(
      (row) => row.instruction === instruction && row.execution === execution,
    );
    if (!failure) return execute();
    if (failure.error === undefined) return VM_FAIL_INVALID;
    // VMfailValid needs a current VMCS to keep the number in; where there is none, one that somebody else left.
    this.vmx.isOn = true;
    this.vmx.current ??= new Vmcs(0n);
    return this.vmx.failWith(failure.error);
  }

  #bytes(pointer: number, length: number): Buffer {
    return Buffer.from(this.core.buffer, pointer >>> 0, length);
  }

  #area(pointer: number, instruction: string): Buffer {
    return this.#bytes(pointer, this.processor.extended.bytesOf(instruction));
  }

  /** The host's timer ticks while the vmm runs, which runs with interrupts on. To be called by `answer`. */
  tickInVmm(): void {
    this.#tick();
  }

  /** The host's timer, or mail of another CPU. All other interrupt sources are masked. */
  #tick(): void {
    this.clock.pass(this.#options.ticksBeforeInterrupt ?? 0n);
    this.clock.tick();
    if (this.#workWord === null) return;
    const word = this.#bytes(this.#workWord, 4);
    word.writeUInt32LE((word.readUInt32LE() | (this.#options.interruptWork ?? WORK_TICK)) >>> 0);
  }

  #writeTrap(out: number): void {
    const { kind, message, file, line, frames } = this.vmms.lastTrap;
    // boot/runtime/runtime.h: struct vmm_trap_record.
    const record = Buffer.alloc(296);
    record.writeUInt32LE(kind, 0);
    record.writeUInt32LE(line, 4);
    record.writeUInt32LE(frames.length, 16);
    record.writeUInt32LE(record.write(message, 96, 120, "latin1"), 20);
    record.writeUInt32LE(record.write(file, 216, 80, "latin1"), 24);
    frames.forEach((_, i) => record.writeBigUInt64LE(FIRST_FRAME + BigInt(i), 32 + 8 * i));
    this.#bytes(out, record.length).set(record);
  }

  /** The imports of hv/core/hardware.ts. */
  #imports(): WebAssembly.Imports {
    const { processor, vmx } = this;
    const hardware = {
      cpuid: (leaf: number, subleaf: number, out: number): void => {
        const [eax, ebx, ecx, edx] = processor.cpuid(leaf >>> 0, subleaf >>> 0);
        [eax, ecx, edx, ebx].forEach((value, i) => this.#bytes(out + 8 * i, 8).writeBigUInt64LE(BigInt(value)));
      },
      rdmsr: (index: number) => processor.rdmsr(index >>> 0),
      tryRdmsr: (index: number, out: number) => {
        const value = processor.msrOrNothing(index >>> 0);
        if (value !== undefined) this.#bytes(out, 8).writeBigUInt64LE(value);
        return value === undefined ? 0 : 1;
      },
      wrmsr: (index: number, value: bigint) => {
        this.trace.push(`WRMSR ${(index >>> 0).toString(16)} ${u64(value).toString(16)}`);
        processor.wrmsr(index >>> 0, u64(value));
      },
      rdtsc: () => this.clock.read(),
      rdrand: () => 0x0123456789abcdefn,
      rdtscLow: () => Number(BigInt.asIntN(32, this.clock.read())),
      readRegister: (number: number) => processor.readRegister(number),
      xgetbv: () => processor.extended.xgetbv(),
      xsetbv: (value: bigint) => processor.extended.xsetbv(u64(value)),
      xsave: (area: number, mask: bigint) => processor.extended.xsave(this.#area(area, "xsave"), u64(mask), false),
      xsaveopt: (area: number, mask: bigint) => processor.extended.xsave(this.#area(area, "xsave"), u64(mask), true),
      xrstor: (area: number, mask: bigint) => processor.extended.xrstor(this.#area(area, "xsave"), u64(mask)),
      fxsave: (area: number) => processor.extended.fxsave(this.#area(area, "fxsave")),
      fxrstor: (area: number) => processor.extended.fxrstor(this.#area(area, "fxsave")),
      wbinvd: () => void this.trace.push("WBINVD"),
      clearBuffers: () => void this.trace.push("VERW"),
      fillReturnStack: () => void this.trace.push("RSB fill"),
      tableRegisters: (out: number) => {
        [GDT, IDT].forEach(({ base, limit }, i) => {
          this.#bytes(out + 16 * i + 6, 2).writeUInt16LE(limit);
          this.#bytes(out + 16 * i + 8, 8).writeBigUInt64LE(base);
        });
      },
      segmentDescriptor: (selector: number) => segmentDescriptor(this.memory, selector >>> 0),
      writeRegister: (number: number, value: bigint) => this.#writeRegister(number, u64(value)),
      vmxon: (hpa: bigint) => this.#execute("VMXON", u64(hpa), () => vmx.vmxon(u64(hpa))),
      vmxoff: () => this.#execute("VMXOFF", null, () => vmx.vmxoff()),
      vmclear: (hpa: bigint) => this.#execute("VMCLEAR", u64(hpa), () => vmx.vmclear(u64(hpa))),
      vmptrld: (hpa: bigint) => this.#execute("VMPTRLD", u64(hpa), () => vmx.vmptrld(u64(hpa))),
      vmread: (encoding: number) => {
        const [outcome, value] = vmx.vmread(encoding >>> 0);
        if (outcome !== VM_SUCCEED) this.#accessFailed("VMREAD", encoding);
        return value;
      },
      vmwrite: (encoding: number, value: bigint) => {
        if (vmx.vmwrite(encoding >>> 0, u64(value)) !== VM_SUCCEED) this.#accessFailed("VMWRITE", encoding);
      },
      tryVmread: (encoding: number, out: number) => {
        const [outcome, value] = vmx.vmread(encoding >>> 0);
        this.#bytes(out, 8).writeBigUInt64LE(value);
        return outcome;
      },
      tryVmwrite: (encoding: number, value: bigint) => vmx.vmwrite(encoding >>> 0, u64(value)),
      invept: (type: number, eptp: bigint) =>
        this.#execute("INVEPT", u64(eptp), () => vmx.invept(type >>> 0, u64(eptp))),
      invvpid: (type: number, vpid: number, address: bigint) =>
        this.#execute("INVVPID", BigInt(vpid >>> 0), () => vmx.invvpid(type >>> 0, vpid & 0xffff, u64(address))),
      vmEnter: (registersEnd: number, launched: number) => {
        this.clock.endSleep();
        return this.#execute("VM entry", null, () => this.#vmEntry.enter(registersEnd >>> 0, launched !== 0));
      },
      vmsave: (hpa: bigint) => {
        this.trace.push(`VMSAVE ${u64(hpa).toString(16)}`);
        this.svm.vmsave(u64(hpa));
      },
      svmEnter: (registersEnd: number, vmcb: bigint, host: bigint) => {
        this.trace.push("VMRUN");
        this.clock.endSleep();
        this.#svmEntry.enter(registersEnd >>> 0, u64(vmcb), u64(host));
      },
      readGuest: (vm: number, address: number) => this.vmms.readGuest(vm >>> 0, BigInt(address >>> 0)),
      openInterruptWindow: () => {
        this.trace.push("STI");
        this.entry.interruptIsPending = false;
        this.#tick();
      },
      ...sharedWords(() => this.#tick()),
      waitForInterrupt: () => {
        this.trace.push("HLT");
        this.clock.sleep();
        this.#tick();
      },
      unblockNmis: () => {
        this.trace.push("INT 2");
        this.entry.nmisAreBlocked = false;
      },
      in8: (port: number) => this.ports.in(port, 1),
      in16: (port: number) => this.ports.in(port, 2),
      in32: (port: number) => this.ports.in(port, 4),
      out8: (port: number, value: number) => this.ports.out(port, 1, value),
      out32: (port: number, value: number) => this.ports.out(port, 4, value),
      readPhysical: (hpa: bigint, to: number, length: number) => {
        const end = u64(hpa) + BigInt(length >>> 0);
        if (end > 1n << BigInt(processor.model.maximumPhysicalAddress)) {
          throw new HostException(PF, `read of physical address ${u64(hpa).toString(16)}, beyond MAXPHYADDR`);
        }
        this.#bytes(to, length >>> 0).set(this.memory.read(u64(hpa), length >>> 0));
      },
      writePhysical8: (hpa: bigint, value: number) => this.memory.write(u64(hpa), Uint8Array.of(value & 0xff)),
      readDevice32: (hpa: bigint) => this.devices.read(u64(hpa)),
      writeDevice32: (hpa: bigint, value: number) => this.devices.write(u64(hpa), value >>> 0),
      setWorkWord: (word: number) => {
        this.#workWord = word >>> 0;
        this.slices++;
      },
      setLocalApic: (mode: number, base: bigint) => (this.localApicOfHandlers = { mode, base: u64(base) }),
      setTimerCount: (count: number) => {
        if (this.localApicOfHandlers) this.localApic.count = count >>> 0;
      },
      processorNumber: () => 0n,
      replicaBytes: () => 0x600000n,
      cloneTo: () => {
        throw new Error("the simulated machine has one CPU, and core has found another one");
      },
      physicalBase: () => CORE_START,
      memoryBase: () => MEMORY_BASE,
      imageStart: () => IMAGE_START,
      imageEnd: () => this.imageEnd,
      vmExitAddress: () => EXIT_RIP,
      mirrorAddress: () => MIRROR_CODE,
      nmiCount: () => 0n,
      setSerial: (isThere: number) => (this.#hasSerial = isThere !== 0),
      hasSerial: () => (this.#hasSerial ? 1 : 0),
      openScreen: (...screen: [bigint, ...number[]]) => {
        this.screen = screen.map((value) => (typeof value === "bigint" ? u64(value) : value >>> 0));
        return this.#options.screenAnswer ?? (80 << 16) | 25;
      },
      hasKeyboard: () => (this.#options.hasKeyboard === false ? 0 : 1),
      readKey: () => {
        if (!/^basalt: press /m.test(this.#console)) return this.#staleKeys.shift() ?? 0;
        const key = this.#keys.shift();
        if (key === undefined) throw new Error("core waits for a key, and the test has no more");
        return key;
      },
      consoleWrite: (text: number, length: number) => {
        const printed = this.#bytes(text, length).toString("latin1");
        this.#console += printed;
        this.#options.onText?.(printed, this);
      },
      symbolAt: (address: bigint, out: number, capacity: number) => {
        const name = this.vmms.lastTrap.frames[Number(u64(address) - FIRST_FRAME)] ?? "";
        return this.#bytes(out, capacity).write(name, "latin1");
      },
      zeroBlock: (hpa: bigint) => this.memory.zero(u64(hpa), BLOCK),
      vmmMap: (vm: number, address: bigint, hpa: bigint, bytes: bigint, how: number) =>
        (how !== NOTHING && this.#refuses("vmmMap")) ||
        this.vmms.map(vm >>> 0, u64(address), u64(hpa), u64(bytes), how >>> 0),
      coreMap: (address: number, hpa: bigint, bytes: bigint, how: number) =>
        (how !== NOTHING && this.#refuses("coreMap")) ||
        this.#coreMap(address >>> 0, u64(hpa), u64(bytes), how !== NOTHING),
      vmmInstantiate: (vm: number, state: bigint, ramBytes: bigint, ram: number) =>
        (state !== 0n && this.#refuses("vmmInstantiate")) ||
        this.vmms.instantiate(vm >>> 0, u64(state), u64(ramBytes), (address) => {
          return this.#exports.populate(ram, address) === 1;
        }),
      vmmCall: (vm: number, entry: number, argument: number) =>
        (entry === EXIT_ENTRY ? this.#playedAnswer(vm) : null) ?? this.vmms.call(vm >>> 0, entry >>> 0, argument >>> 0),
      vmmTrap: (out: number) => this.#writeTrap(out),
      setEndSteps: (steps: number) => (this.endSteps = readEndSteps(this.#bytes(steps, END_STEPS_BYTES))),
      announceResult: (result: number, name: number) => {
        this.#end = { result: result >>> 0, name: textAt(this.core, name) };
      },
      endMachine: () => {
        if (!this.#end) throw new Error("core ended the machine before it announced a result");
        throw new Finished(this.#end.result, this.#end.name);
      },
    };
    const abort = (message: number, file: number, line: number): never => {
      const text = `${textAt(this.core, message)} at ${textAt(this.core, file)}:${line}`;
      this.#console += `basalt: panic: ${text}\n`;
      throw new Panic(61, "assertion", text);
    };
    return { hardware, env: { abort } };
  }

  /** Whether the test has a service refuse this call of it. */
  #refuses(service: string): boolean {
    const call = (this.#executions.get(service) ?? 0) + 1;
    this.#executions.set(service, call);
    const { refuses } = this.#options;
    return refuses?.service === service && refuses.call === call;
  }

  /** coreMap: an area of core's memory is physical memory from now on, or is no longer. */
  #coreMap(address: number, hpa: bigint, bytes: bigint, isThere: boolean): number {
    const isAligned = (BigInt(address) | hpa | bytes) % 4096n === 0n;
    const inImage = hpa < this.imageEnd && hpa + bytes > IMAGE_START;
    if (!isAligned || inImage || address < CORE_BYTES || BigInt(address) + bytes > this.core.buffer.byteLength)
      return 1;
    const area = new Uint8Array(this.core.buffer, address, Number(bytes));
    if (isThere) {
      area.set(this.memory.read(hpa, area.length));
      this.memory.attach(hpa, area);
      this.areas.set(hpa, address);
      return 0;
    }
    this.memory.detach(hpa);
    this.areas.delete(hpa);
    // On the metal a later access is a page fault.
    area.fill(GONE);
    return 0;
  }

  /** The address in core's memory of a page of a VM's area. */
  #inCore(hpa: bigint): number {
    for (const [start, address] of this.areas) {
      const offset = hpa - start;
      if (offset >= 0n && offset < AREA_BYTES) return address + Number(offset);
    }
    throw new Error(`no VM has the page at ${hpa.toString(16)}`);
  }

  /** What the test's vmm answers; null: it does not. */
  #playedAnswer(vm: number): bigint | null {
    const { answer } = this.#options;
    const page = this.vmms.pageOf(vm);
    if (!answer || !page) return null;
    const played = answer(new VcpuPageView(this.core.buffer, this.#inCore(page.hpa)));
    return played === null ? null : BigInt(played);
  }

  /** Whether the nested tables of the guest that ran last have anything in the 2 MiB around a guest-physical address. */
  #guestHas(address: bigint): boolean {
    const pointer = hasSvm(this.processor.model)
      ? this.#svmEntry.lastRoot
      : this.vmx.current?.read(field("EPT_POINTER"));
    let table = (pointer ?? 0n) & PAGE_ADDRESS;
    for (let level = 4; level >= 2; level--) {
      const entry = this.memory.read64(entryAddress(table, level, address));
      if (!has(entry, 7n)) return false;
      table = entry & PAGE_ADDRESS;
    }
    return true;
  }

  #writeRegister(number: number, value: bigint): void {
    const name = WRITABLE_REGISTERS[number];
    if (name === undefined) throw new Error(`core wrote register ${number}, which hv/core/hardware.ts does not let it`);
    if (name.startsWith("CR") && name !== "CR2") this.trace.push(`MOV ${name} ${value.toString(16)}`);
    this.processor.writeRegister(name, value);
  }

  #accessFailed(instruction: string, encoding: number): never {
    const text = `${instruction} of the field with encoding 0x${(encoding >>> 0).toString(16)} failed`;
    this.#console += `basalt: panic: ${text}\n`;
    throw new Panic(63, "vmcs-access", text);
  }
}

/** Boots core on a new machine and runs it to its end. */
export function boot(options: MachineOptions = {}): Run {
  return new Machine(options).run();
}
