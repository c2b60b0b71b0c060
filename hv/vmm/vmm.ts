// The machine that a guest sees: RAM, one hypercall, a UART and a debug console to print with, and a port to end by.

import { IO_IS_IN, IO_IS_STRING, IO_PORT_SHIFT, IO_SIZE_MASK } from "../shared/port-access";
import {
  GUEST_EPT,
  GUEST_FAULT_ASSERT,
  GUEST_FAULT_BOUNDS,
  GUEST_HLT,
  GUEST_LOOP,
  GUEST_MODULE,
  GUEST_NAMES,
  GUEST_REAL,
  GUEST_REGISTERS,
  GUEST_TOUCH,
  GUEST_UNPACK,
  GUEST_ZEROES,
} from "../shared/guests";
import {
  ANSWER_AND_REQUEST,
  ANSWER_AND_TEXT,
  ANSWER_EMULATED,
  ANSWER_GUEST_ENDED,
  ANSWER_FAULT,
  ANSWER_GUEST_EXITED,
  ANSWER_GUEST_OFF,
  ANSWER_GUEST_RESET,
  ANSWER_NEXT_INSTRUCTION,
  ANSWER_NOT_HANDLED,
  ANSWER_RESUME,
  CONSOLE_CAPACITY,
  CONSOLE_OFFSET,
  EXIT_MEMORY_MOVE,
  EXIT_PORT,
  EXIT_TASK_PRIORITY,
  INPUT_CAPACITY,
  INPUT_OFFSET,
  MSR_IS_WRITE,
  Registers,
  REGISTERS_OFFSET,
  TASK_PRIORITY_IS_READ,
  VcpuPage,
  AMD_HYPERCALL_BYTE,
} from "../shared/vcpu-page";
import { VECTOR_GENERAL_PROTECTION } from "../x86/exceptions";
import { Device } from "./bus";
import { TaskSwitch } from "./cpu/task-switch";
import { VcpuViews } from "./cpu/vcpu-views";
import { EMULATE_AGAIN, Executor } from "./decode/execute";
import { InterceptedInstructions } from "./decode/intercepted";
import { LinearMemory } from "./decode/linear-memory";
import { ConsoleLine } from "./devices/console-line";
import { SCRATCH_BYTES, ScratchRegisters, writeScratch } from "./devices/scratch-registers";
import { PCI_PORTS, PCI_PORTS_START } from "./devices/pci/host";
import { COM1, Uart } from "./devices/uart/uart";
import {
  haltGuest,
  hypercallGuest,
  loopGuest,
  measuredCode,
  measuredGuest,
  touchGuest,
  unpackGuest,
  useAmdHypercall,
  zeroesGuest,
} from "./guests/code";
import { commitFault } from "./guests/faults";
import { buildIdentityMap, DEVICES, IDENTITY_MAP } from "./guests/page-tables";
import { registersGuest } from "./guests/registers";
import { BOOT_SECTOR, realModeGuest } from "./guests/real-mode";
import { loadKernel } from "./loaders/kernel";
import { Loading } from "./loaders/loading";
import { Machine } from "./machine";
import { readByte, writeBytes, writeHex, writeText } from "./memory/console-text";
import { Ram, RAM_OK } from "./memory/ram";
import { ByteWriter, PortBus } from "./port-bus";
import { SavedState } from "./saved-state";
import {
  SIGNAL_EVENT,
  SIGNAL_EXIT,
  SIGNAL_LINE,
  SIGNAL_NO_DEVICE,
  SIGNAL_POWER_OFF,
  SIGNAL_REPORT,
  SIGNAL_RESET,
  Signals,
} from "./signals";

/** Where a built-in 64-bit guest's code and stack lie. */
const CODE: u64 = 0x10000;
const STACK_TOP: u64 = 0x20000;

/** Bits of an access to a port, none of which an OUT of a byte has. */
const NO_BYTE_OUT: u64 = IO_IS_IN | IO_IS_STRING | IO_SIZE_MASK;
/** Those that an OUT of two bytes has of them. */
const WORD_OUT: u64 = 1;
const CARRIAGE_RETURN: u32 = 0x0d;
const SIGNALS_OF_ENDS: u32 = SIGNAL_EXIT | SIGNAL_RESET | SIGNAL_POWER_OFF;
const TASK_PRIORITIES: u32 = 0xf;

/** The root object of a vmm instance. */
export class Vmm {
  private readonly page: VcpuPage;
  private readonly registers: Registers;
  private readonly ram: Ram;
  private readonly loading: Loading;
  private readonly guest: u32;
  private readonly signals: Signals;
  private readonly line: ConsoleLine;
  private readonly ports: PortBus;
  private readonly machine: Machine;
  private readonly executor: Executor;
  private readonly intercepted: InterceptedInstructions;
  private readonly tasks: TaskSwitch;
  private readonly state: SavedState;
  private hasStarted: bool = false;
  /** Called by reference for what RARE_WRITERS is a table for. */
  private readonly onRareEnd: (vmm: Vmm, answer: u32) => u32 = onEmulated;

  constructor(private readonly pageAddress: u32) {
    const page = changetype<VcpuPage>(<usize>pageAddress);
    this.page = page;
    const registers = changetype<Registers>(<usize>(pageAddress + REGISTERS_OFFSET));
    this.registers = registers;
    const ram = new Ram(page.ramBytes);
    this.ram = ram;
    const loading = new Loading(pageAddress, ram, page, registers);
    this.loading = loading;
    this.guest = page.guest;
    const signals = new Signals();
    const line = new ConsoleLine(signals, page.hasRawConsole != 0);
    const ports = new PortBus(signals, onDeviceByte);
    const machine = new Machine(page, ram, signals, line, ports);
    ports.hasten(COM1, line.isRaw ? onRawUartByte : onUartByte);
    this.machine = machine;
    this.signals = signals;
    this.line = line;
    this.ports = ports;
    const scratch = new ScratchRegisters();
    machine.memory.attachOften(DEVICES, SCRATCH_BYTES, scratch, writeScratch);
    this.state = new SavedState(page, signals, machine, line, scratch, loading);
    const views = new VcpuViews(pageAddress);
    const memory = new LinearMemory(ram, machine.memory, views);
    this.executor = new Executor(views, memory, ports);
    this.intercepted = new InterceptedInstructions(pageAddress, views, memory);
    this.tasks = new TaskSwitch(views, memory);
  }

  /** Loads the guest, anew after it has reset its machine: then RAM is zero again. */
  reset(): u32 {
    if (this.hasStarted) this.machine.reset();
    this.hasStarted = true;
    if (this.guest == GUEST_MODULE) return this.loadModule();
    const status = this.guest == GUEST_REAL ? this.loadRealModeGuest() : this.load64BitGuest();
    if (status != RAM_OK) {
      this.print("RAM is too small for guest ", GUEST_NAMES[this.guest]);
      return ANSWER_NOT_HANDLED;
    }
    this.print("loaded guest ", GUEST_NAMES[this.guest]);
    return ANSWER_RESUME;
  }

  /** One of STATE_*. */
  save(): u32 {
    return this.state.save();
  }

  /** One of STATE_*. */
  restore(): u32 {
    this.hasStarted = true;
    return this.state.restore();
  }

  private loadModule(): u32 {
    const problem = loadKernel(this.loading, this.machine.writeTables());
    if (problem.length != 0) this.print("the boot module cannot be started: ", problem);
    return problem.length == 0 ? ANSWER_RESUME : ANSWER_NOT_HANDLED;
  }

  private loadRealModeGuest(): u32 {
    this.page.startRip = BOOT_SECTOR;
    this.page.startRsp = BOOT_SECTOR;
    return realModeGuest(this.ram);
  }

  private load64BitGuest(): u32 {
    const status = this.write64BitGuest();
    if (this.page.hypercallByte == AMD_HYPERCALL_BYTE) useAmdHypercall(this.ram, CODE);
    return status;
  }

  private write64BitGuest(): u32 {
    this.page.startRip = CODE;
    this.page.startRsp = STACK_TOP;
    this.page.startCr3 = IDENTITY_MAP;
    const status = buildIdentityMap(this.ram);
    if (status != RAM_OK) return status;
    if (this.guest == GUEST_HLT || this.guest == GUEST_EPT) return haltGuest(this.ram, CODE);
    if (this.guest == GUEST_TOUCH) return touchGuest(this.ram, CODE, this.registers);
    if (this.guest == GUEST_UNPACK) return unpackGuest(this.ram, CODE, this.registers);
    if (this.guest == GUEST_ZEROES) return zeroesGuest(this.ram, CODE, this.registers);
    const loop = measuredCode(this.guest);
    if (loop) return measuredGuest(this.ram, CODE, loop, this.registers, this.page.iterations);
    if (this.guest == GUEST_REGISTERS) {
      return registersGuest(this.ram, CODE, this.registers, this.page.iterations);
    }
    if (this.guest == GUEST_LOOP) return loopGuest(this.ram, CODE);
    return hypercallGuest(this.ram, CODE);
  }

  /** Answers the exit that the page describes: at once an OUT of a byte, as drivers that poll do it most. */
  exit(): u32 {
    const page = this.page;
    const kind = page.exitKind;
    const access = page.access;
    if (kind == EXIT_PORT && (access & NO_BYTE_OUT) == 0) {
      const row = this.ports.at(<u16>(access >> IO_PORT_SHIFT));
      return row.writer(changetype<usize>(this), row.device, access);
    }
    if (kind == EXIT_MEMORY_MOVE) return this.emulate();
    if (kind == EXIT_PORT) return onPort(this);
    return kind <= EXIT_TASK_PRIORITY ? unchecked(EXIT_HANDLERS[kind])(this) : ANSWER_NOT_HANDLED;
  }

  /** An OUT of a byte to the UART's data register. */
  writeUart(device: Device | null, access: u64): u32 {
    const uart = changetype<Uart>(device);
    const byte = <u32>(<u8>this.registers.rax);
    if (uart.isPlain && (byte == CARRIAGE_RETURN || uart.line.takes(byte))) return ANSWER_NEXT_INSTRUCTION;
    return unchecked(RARE_WRITERS[0])(changetype<usize>(this), device, access);
  }

  /** As `writeUart`, for a raw console. */
  writeRawUart(device: Device | null, access: u64): u32 {
    const uart = changetype<Uart>(device);
    const byte = <u32>(<u8>this.registers.rax);
    if (uart.isPlain && uart.line.takesRaw(byte)) return ANSWER_NEXT_INSTRUCTION;
    return unchecked(RARE_WRITERS[0])(changetype<usize>(this), device, access);
  }

  /** An OUT of two bytes to a port of PCI functions, `offset` into their ports. */
  private writePciWord(offset: u32): u32 {
    const machine = this.machine;
    machine.writePciWord(offset, <u16>this.registers.rax);
    const signals = this.signals;
    if (signals.raised == 0) return ANSWER_NEXT_INSTRUCTION;
    if (signals.raised != SIGNAL_EVENT) return this.attend();
    // As `attend` does it.
    signals.raised = 0;
    this.page.wakeAt = machine.alarms.next;
    return ANSWER_NEXT_INSTRUCTION | ANSWER_AND_REQUEST;
  }

  /** Gives the UART what was typed, as much as it takes; hands on what a raw console has of a line. */
  takeInput(): u32 {
    const page = this.page;
    const typed = min(page.inputLength, INPUT_CAPACITY);
    const uart = this.machine.uart;
    let taken: u32 = 0;
    while (taken < typed && uart.room != 0) {
      uart.receive(readByte(this.pageAddress + INPUT_OFFSET + taken++));
    }
    page.inputLength = taken;
    if (this.line.isRaw && this.line.length != 0) this.signals.raised |= SIGNAL_LINE;
    return this.attendTo(ANSWER_RESUME);
  }

  /** An OUT of a byte to any port. */
  writeByte(access: u64): u32 {
    const row = this.ports.at(<u16>(access >> IO_PORT_SHIFT));
    const device = row.device;
    if (!device) return this.accessAnyPort();
    device.write(<u16>(access >> IO_PORT_SHIFT) - row.first, 1, <u8>this.registers.rax);
    return this.signals.raised == 0 ? ANSWER_NEXT_INSTRUCTION : this.attend();
  }

  /** A hypercall, or a HLT that no interrupt will end. */
  endGuest(): u32 {
    if (this.guest >= GUEST_FAULT_BOUNDS && this.guest <= GUEST_FAULT_ASSERT) commitFault(this.guest);
    if (this.line.length != 0) this.printLine();
    return ANSWER_GUEST_ENDED;
  }

  /** IN, and OUT of more than a byte: by two bytes virtio drivers notify. */
  accessPort(): u32 {
    const access = this.page.access;
    const offset = <u32>(<u16>(access >> IO_PORT_SHIFT)) - PCI_PORTS_START;
    if (offset < PCI_PORTS - 1 && (access & NO_BYTE_OUT) == WORD_OUT) return this.writePciWord(offset);
    return unchecked(RARE_ACCESSES[0])(this);
  }

  /** IN and OUT of any size, to whatever the port is. */
  accessAnyPort(): u32 {
    const access = this.page.access;
    if (access & IO_IS_STRING) return ANSWER_NOT_HANDLED;
    const port = <u16>(access >> IO_PORT_SHIFT);
    const bytes = <u32>(access & IO_SIZE_MASK) + 1;
    if (access & IO_IS_IN) this.page.ioValue = this.ports.read(port, bytes);
    else this.ports.write(port, bytes, this.registers.rax);
    return this.signals.raised == 0 ? ANSWER_NEXT_INSTRUCTION : this.attend();
  }

  /** Carries out the instruction that accessed a device's memory, or INS or OUTS. */
  emulate(): u32 {
    const answer = this.executor.emulate();
    const isQuiet = answer == ANSWER_EMULATED && this.signals.raised == 0;
    return isQuiet ? answer : this.onRareEnd(this, answer);
  }

  /** The rest of it, where there is more to do. */
  endEmulation(answer: u32): u32 {
    if (answer == EMULATE_AGAIN) return this.emulate();
    if (answer == ANSWER_NOT_HANDLED) this.print(this.executor.complaint());
    return this.signals.raised == 0 ? answer : this.attendTo(answer);
  }

  tellInstruction(): u32 {
    const answer = this.intercepted.answer();
    if (answer == ANSWER_NOT_HANDLED) this.print(this.executor.complaint());
    return answer;
  }

  switchTask(): u32 {
    const answer = this.tasks.exit();
    if (answer == ANSWER_NOT_HANDLED) this.print(this.tasks.failure);
    return answer;
  }

  /** Does what devices have asked for: the answer to the access that made them ask. */
  attend(): u32 {
    return this.attendTo(ANSWER_NEXT_INSTRUCTION);
  }

  /** The same, where `answer` is what there is to answer if the guest goes on. */
  private attendTo(answer: u32): u32 {
    const signals = this.signals;
    const raised = signals.raised;
    signals.raised = 0;
    if (raised & SIGNAL_NO_DEVICE) this.tellNoDevice(signals.port);
    const isEnd = (raised & SIGNALS_OF_ENDS) != 0;
    if (raised & SIGNAL_LINE || (isEnd && this.line.length != 0)) this.printLine();
    else if (raised & SIGNAL_REPORT) this.print(signals.report);
    // There is room for one text.
    if (raised & SIGNAL_LINE) signals.raised = raised & SIGNAL_REPORT;
    let flags: u32 = 0;
    if (raised & SIGNAL_EVENT) {
      this.page.wakeAt = this.machine.alarms.next;
      flags = ANSWER_AND_REQUEST;
    }
    // An empty line is none.
    if (this.page.consoleLength != 0) flags |= ANSWER_AND_TEXT;
    return (isEnd ? this.end(raised) : answer) | flags;
  }

  private end(raised: u32): u32 {
    if (raised & SIGNAL_EXIT) {
      this.page.exitValue = this.signals.exitValue;
      return ANSWER_GUEST_EXITED;
    }
    return raised & SIGNAL_POWER_OFF ? ANSWER_GUEST_OFF : ANSWER_GUEST_RESET;
  }

  /** RDMSR and WRMSR of the machine's MSRs. */
  accessMsr(): u32 {
    const page = this.page;
    const machine = this.machine;
    const msr = <u32>page.access;
    const isGood = page.access & MSR_IS_WRITE ? machine.writeMsr(msr, page.ioValue) : machine.readMsr(msr);
    if (!isGood) {
      page.faultVector = VECTOR_GENERAL_PROTECTION;
      page.faultErrorCode = 0;
      return this.attendTo(ANSWER_FAULT);
    }
    if (!(page.access & MSR_IS_WRITE)) page.ioValue = machine.msrValue;
    return this.signals.raised == 0 ? ANSWER_NEXT_INSTRUCTION : this.attend();
  }

  accessTaskPriority(): u32 {
    const page = this.page;
    if (page.access & TASK_PRIORITY_IS_READ) page.ioValue = this.machine.taskPriority;
    else this.machine.taskPriority = (<u32>page.access) & TASK_PRIORITIES;
    return this.attend();
  }

  ringAlarms(): u32 {
    this.machine.ring();
    // `wakeAt` is another one even where no alarm was set anew.
    this.signals.raised |= SIGNAL_EVENT;
    return this.attendTo(ANSWER_RESUME);
  }

  /** A HLT that nothing ends yet. */
  waitForInterrupt(): u32 {
    const takesInterrupts = this.page.access != 0;
    if (!takesInterrupts || !this.machine.canInterrupt) return this.endGuest();
    if (this.line.isRaw && this.line.length != 0) this.signals.raised |= SIGNAL_LINE;
    return this.attendTo(ANSWER_RESUME);
  }

  private tellNoDevice(port: u32): void {
    const address = this.pageAddress + CONSOLE_OFFSET;
    let length = writeText(address, CONSOLE_CAPACITY, "the guest uses a port without a device: ");
    length += writeHex(address + length, CONSOLE_CAPACITY - length, port, 4);
    this.page.consoleLength = length;
    this.page.consoleIsDebug = 1;
    this.page.consoleIsRaw = 0;
  }

  private printLine(): void {
    const address = this.pageAddress + CONSOLE_OFFSET;
    this.page.consoleLength = writeBytes(address, CONSOLE_CAPACITY, this.line.bytes, this.line.length);
    this.page.consoleIsDebug = 0;
    this.page.consoleIsRaw = this.line.isRaw ? 1 : 0;
    this.line.clear();
  }

  /**
   * Gives core a line for the console; a second one before core prints the first replaces it. Its two parts are put together
   * here, as a string that were made for it would stay, and a guest resets its machine as often as it likes.
   */
  private print(text: string, rest: string = ""): void {
    const address = this.pageAddress + CONSOLE_OFFSET;
    const length = writeText(address, CONSOLE_CAPACITY, text);
    this.page.consoleLength = length + writeText(address + length, CONSOLE_CAPACITY - length, rest);
    this.page.consoleIsDebug = 0;
    this.page.consoleIsRaw = 0;
  }
}

function onDeviceByte(root: usize, _device: Device | null, access: u64): u32 {
  return changetype<Vmm>(root).writeByte(access);
}

/** What is rare, in a table so that it is no part of the frequent code, which then does not pay for its registers. */
const RARE_WRITERS: StaticArray<ByteWriter> = [onDeviceByte];

function onUartByte(root: usize, device: Device | null, access: u64): u32 {
  return changetype<Vmm>(root).writeUart(device, access);
}

function onRawUartByte(root: usize, device: Device | null, access: u64): u32 {
  return changetype<Vmm>(root).writeRawUart(device, access);
}

/** Answers one kind of exit. */
type ExitHandler = (vmm: Vmm) => u32;

function onPort(vmm: Vmm): u32 {
  return vmm.accessPort();
}

function onAnyPort(vmm: Vmm): u32 {
  return vmm.accessAnyPort();
}

/** As RARE_WRITERS. */
const RARE_ACCESSES: StaticArray<ExitHandler> = [onAnyPort];

function onEnd(vmm: Vmm): u32 {
  return vmm.endGuest();
}

function onInstruction(vmm: Vmm): u32 {
  return vmm.emulate();
}

function onEmulated(vmm: Vmm, answer: u32): u32 {
  return vmm.endEmulation(answer);
}

function onTaskSwitch(vmm: Vmm): u32 {
  return vmm.switchTask();
}

function onIntercepted(vmm: Vmm): u32 {
  return vmm.tellInstruction();
}

function onHalt(vmm: Vmm): u32 {
  return vmm.waitForInterrupt();
}

function onMsr(vmm: Vmm): u32 {
  return vmm.accessMsr();
}

function onAlarm(vmm: Vmm): u32 {
  return vmm.ringAlarms();
}

function onInput(vmm: Vmm): u32 {
  return vmm.takeInput();
}

function onTaskPriority(vmm: Vmm): u32 {
  return vmm.accessTaskPriority();
}

/** By the kind of the exit. */
const EXIT_HANDLERS: StaticArray<ExitHandler> = [
  onPort, // EXIT_PORT
  onInstruction, // EXIT_STRING_PORT
  onInstruction, // EXIT_MEMORY
  onEnd, // EXIT_HYPERCALL
  onHalt, // EXIT_HALT
  onTaskSwitch, // EXIT_TASK_SWITCH
  onInstruction, // EXIT_MEMORY_MOVE
  onIntercepted, // EXIT_INSTRUCTION
  onMsr, // EXIT_MSR
  onAlarm, // EXIT_ALARM
  onInput, // EXIT_INPUT
  onTaskPriority, // EXIT_TASK_PRIORITY
];
