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
  ANSWER_GUEST_EXITED,
  ANSWER_NEXT_INSTRUCTION,
  ANSWER_NOT_HANDLED,
  ANSWER_RESUME,
  COMMAND_LINE_OFFSET,
  CONSOLE_CAPACITY,
  CONSOLE_OFFSET,
  EXIT_INPUT,
  EXIT_MEMORY_MOVE,
  EXIT_PORT,
  INPUT_CAPACITY,
  INPUT_OFFSET,
  Registers,
  REGISTERS_OFFSET,
  VcpuPage,
  AMD_HYPERCALL_BYTE,
} from "../shared/vcpu-page";
import { Bus, Device } from "./bus";
import { TaskSwitch } from "./cpu/task-switch";
import { VcpuViews } from "./cpu/vcpu-views";
import { EMULATE_AGAIN, Executor } from "./decode/execute";
import { InterceptedInstructions } from "./decode/intercepted";
import { LinearMemory } from "./decode/linear-memory";
import { ConsoleLine } from "./devices/console-line";
import { DEBUG_CONSOLE_PORT, DebugConsole } from "./devices/debug-console";
import { EXIT_PORT_START, EXIT_PORTS, ExitPort } from "./devices/exit-port";
import { SCRATCH_BYTES, ScratchRegisters } from "./devices/scratch-registers";
import { COM1, COM1_IRQ, Uart, UART_PORTS } from "./devices/uart/uart";
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
import { InterruptInputs, InterruptLine } from "./interrupts";
import { CommandLine } from "./loaders/boot-texts";
import { loadKernel } from "./loaders/multiboot";
import { readByte, writeBytes, writeHex, writeText } from "./memory/console-text";
import { ModuleBytes } from "./memory/module-bytes";
import { Ram, RAM_OK } from "./memory/ram";
import { ByteWriter, PortBus } from "./port-bus";
import { SIGNAL_EXIT, SIGNAL_LINE, SIGNAL_NO_DEVICE, Signals } from "./signals";

/** Where a built-in 64-bit guest's code and stack lie. */
const CODE: u64 = 0x10000;
const STACK_TOP: u64 = 0x20000;

/** Bits of an access to a port, none of which an OUT of a byte has. */
const NO_BYTE_OUT: u64 = IO_IS_IN | IO_IS_STRING | IO_SIZE_MASK;
const CARRIAGE_RETURN: u32 = 0x0d;

/** The root object of a vmm instance. */
export class Vmm {
  private readonly page: VcpuPage;
  private readonly registers: Registers;
  private readonly ram: Ram;
  private readonly guest: u32;
  private readonly signals: Signals;
  private readonly line: ConsoleLine;
  private readonly uart: Uart;
  private readonly ports: PortBus;
  private readonly executor: Executor;
  private readonly intercepted: InterceptedInstructions;
  private readonly tasks: TaskSwitch;
  /** Called by reference for what RARE_WRITERS is a table for. */
  private readonly onRareEnd: (vmm: Vmm, answer: u32) => u32 = onEmulated;

  constructor(private readonly pageAddress: u32) {
    const page = changetype<VcpuPage>(<usize>pageAddress);
    this.page = page;
    this.registers = changetype<Registers>(<usize>(pageAddress + REGISTERS_OFFSET));
    const ram = new Ram(page.ramBytes);
    this.ram = ram;
    this.guest = page.guest;
    const signals = new Signals();
    const line = new ConsoleLine(signals, page.hasRawConsole != 0);
    const uart = new Uart(line, new InterruptLine(new Unconnected(), COM1_IRQ));
    const ports = new PortBus(signals, onDeviceByte);
    ports.attach(COM1, UART_PORTS, uart);
    ports.hasten(COM1, line.isRaw ? onRawUartByte : onUartByte);
    ports.attach(DEBUG_CONSOLE_PORT, 1, new DebugConsole(line));
    ports.attachWide(EXIT_PORT_START, EXIT_PORTS, 4, new ExitPort(signals));
    this.signals = signals;
    this.line = line;
    this.uart = uart;
    this.ports = ports;
    const devices = new Bus();
    devices.attach(DEVICES, SCRATCH_BYTES, new ScratchRegisters());
    const views = new VcpuViews(pageAddress);
    const memory = new LinearMemory(ram, devices, views);
    this.executor = new Executor(views, memory, ports);
    this.intercepted = new InterceptedInstructions(pageAddress, views, memory);
    this.tasks = new TaskSwitch(views, memory);
  }

  reset(): u32 {
    if (this.guest == GUEST_MODULE) return this.loadModule();
    const status = this.guest == GUEST_REAL ? this.loadRealModeGuest() : this.load64BitGuest();
    if (status != RAM_OK) {
      this.print("RAM is too small for guest " + GUEST_NAMES[this.guest]);
      return ANSWER_NOT_HANDLED;
    }
    this.print("loaded guest " + GUEST_NAMES[this.guest]);
    return ANSWER_RESUME;
  }

  private loadModule(): u32 {
    const page = this.page;
    const module = new ModuleBytes(page.moduleAddress, page.moduleBytes);
    const commandLine = new CommandLine(this.pageAddress + COMMAND_LINE_OFFSET, page.commandLineBytes);
    const problem = loadKernel(module, this.ram, commandLine, page, this.registers);
    if (problem.length != 0) this.print("the boot module cannot be started: " + problem);
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
    return kind <= EXIT_INPUT ? unchecked(EXIT_HANDLERS[kind])(this) : ANSWER_NOT_HANDLED;
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

  /** Gives the UART what was typed, as much as it takes; hands on what a raw console has of a line. */
  takeInput(): u32 {
    const page = this.page;
    const typed = min(page.inputLength, INPUT_CAPACITY);
    let taken: u32 = 0;
    while (taken < typed && this.uart.room != 0) {
      this.uart.receive(readByte(this.pageAddress + INPUT_OFFSET + taken++));
    }
    page.inputLength = taken;
    if (this.line.isRaw && this.line.length != 0) this.signals.raised |= SIGNAL_LINE;
    const attended = this.signals.raised == 0 ? 0 : this.attend();
    return ANSWER_RESUME | (attended & (ANSWER_AND_TEXT | ANSWER_AND_REQUEST));
  }

  /** An OUT of a byte to any port. */
  writeByte(access: u64): u32 {
    const row = this.ports.at(<u16>(access >> IO_PORT_SHIFT));
    const device = row.device;
    if (!device) return this.accessAnyPort();
    device.write(<u16>(access >> IO_PORT_SHIFT) - row.first, 1, <u8>this.registers.rax);
    return this.signals.raised == 0 ? ANSWER_NEXT_INSTRUCTION : this.attend();
  }

  /** A hypercall, or a HLT: no device of this machine interrupts, so that a guest that waits has come to its end. */
  endGuest(): u32 {
    if (this.guest >= GUEST_FAULT_BOUNDS && this.guest <= GUEST_FAULT_ASSERT) commitFault(this.guest);
    if (this.line.length != 0) this.printLine();
    return ANSWER_GUEST_ENDED;
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
    if (this.signals.raised == 0) return answer;
    const attended = this.attend();
    return attended == ANSWER_GUEST_EXITED ? attended : answer | (attended & ANSWER_AND_TEXT);
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
    const signals = this.signals;
    const raised = signals.raised;
    signals.raised = 0;
    if (raised & SIGNAL_NO_DEVICE) this.tellNoDevice(signals.port);
    const isEnd = (raised & SIGNAL_EXIT) != 0;
    if (raised & SIGNAL_LINE || (isEnd && this.line.length != 0)) this.printLine();
    // An empty line is none.
    const text = this.page.consoleLength == 0 ? 0 : ANSWER_AND_TEXT;
    if (!isEnd) return ANSWER_NEXT_INSTRUCTION | text;
    this.page.exitValue = signals.exitValue;
    return ANSWER_GUEST_EXITED;
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

  /** Gives core a line for the console; a second one before core prints the first replaces it. */
  private print(text: string): void {
    this.page.consoleLength = writeText(this.pageAddress + CONSOLE_OFFSET, CONSOLE_CAPACITY, text);
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

/** Where no interrupt controller is. */
class Unconnected extends InterruptInputs {
  setLevel(_input: u32, _isHigh: bool): void {}
}

/** Answers one kind of exit. */
type ExitHandler = (vmm: Vmm) => u32;

function onPort(vmm: Vmm): u32 {
  return vmm.accessAnyPort();
}

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

function onNothing(_vmm: Vmm): u32 {
  return ANSWER_NOT_HANDLED;
}

function onInput(vmm: Vmm): u32 {
  return vmm.takeInput();
}

/** By the kind of the exit. */
const EXIT_HANDLERS: StaticArray<ExitHandler> = [
  onPort, // EXIT_PORT
  onInstruction, // EXIT_STRING_PORT
  onInstruction, // EXIT_MEMORY
  onEnd, // EXIT_HYPERCALL
  onEnd, // EXIT_HALT
  onTaskSwitch, // EXIT_TASK_SWITCH
  onInstruction, // EXIT_MEMORY_MOVE
  onIntercepted, // EXIT_INSTRUCTION
  onNothing, // EXIT_MSR
  onNothing, // EXIT_ALARM
  onInput, // EXIT_INPUT
];
