// The machine that a built-in guest sees: RAM, one hypercall, and a UART to print with.

import { IO_IS_IN, IO_IS_STRING, IO_PORT_MASK, IO_PORT_SHIFT, IO_SIZE_MASK } from "../shared/port-access";
import {
  GUEST_EPT,
  GUEST_FAULT_ASSERT,
  GUEST_FAULT_BOUNDS,
  GUEST_HLT,
  GUEST_LOOP,
  GUEST_NAMES,
  GUEST_REAL,
  GUEST_REGISTERS,
} from "../shared/guests";
import {
  ANSWER_GUEST_ENDED,
  ANSWER_NEXT_INSTRUCTION,
  ANSWER_NOT_HANDLED,
  ANSWER_RESUME,
  CONSOLE_CAPACITY,
  CONSOLE_OFFSET,
  EXIT_HALT,
  EXIT_HYPERCALL,
  EXIT_PORT,
  Registers,
  REGISTERS_OFFSET,
  VcpuPage,
} from "../shared/vcpu-page";
import { Uart } from "./devices/uart";
import { haltGuest, hypercallGuest, loopGuest, measuredCode, measuredGuest } from "./guests/code";
import { commitFault } from "./guests/faults";
import { buildIdentityMap, IDENTITY_MAP } from "./guests/page-tables";
import { registersGuest } from "./guests/registers";
import { BOOT_SECTOR, realModeGuest } from "./guests/real-mode";
import { writeBytes, writeText } from "./memory/console-text";
import { Ram, RAM_OK } from "./memory/ram";

/** Where a built-in 64-bit guest's code and stack lie. */
const CODE: u64 = 0x10000;
const STACK_TOP: u64 = 0x20000;

/** The root object of a vmm instance. */
export class Vmm {
  private readonly page: VcpuPage;
  private readonly registers: Registers;
  private readonly ram: Ram;
  private readonly guest: u32;
  private readonly uart: Uart = new Uart();

  constructor(private readonly pageAddress: u32) {
    const page = changetype<VcpuPage>(<usize>pageAddress);
    this.page = page;
    this.registers = changetype<Registers>(<usize>(pageAddress + REGISTERS_OFFSET));
    this.ram = new Ram(page.ramBytes);
    this.guest = page.guest;
  }

  reset(): u32 {
    const status = this.guest == GUEST_REAL ? this.loadRealModeGuest() : this.load64BitGuest();
    if (status != RAM_OK) {
      this.print("RAM is too small for guest " + GUEST_NAMES[this.guest]);
      return ANSWER_NOT_HANDLED;
    }
    this.print("loaded guest " + GUEST_NAMES[this.guest]);
    return ANSWER_RESUME;
  }

  private loadRealModeGuest(): u32 {
    this.page.startRip = BOOT_SECTOR;
    this.page.startRsp = BOOT_SECTOR;
    return realModeGuest(this.ram);
  }

  private load64BitGuest(): u32 {
    this.page.startRip = CODE;
    this.page.startRsp = STACK_TOP;
    this.page.startCr3 = IDENTITY_MAP;
    const status = buildIdentityMap(this.ram);
    if (status != RAM_OK) return status;
    if (this.guest == GUEST_HLT || this.guest == GUEST_EPT) return haltGuest(this.ram, CODE);
    const loop = measuredCode(this.guest);
    if (loop) return measuredGuest(this.ram, CODE, loop, this.registers, this.page.iterations);
    if (this.guest == GUEST_REGISTERS) {
      return registersGuest(this.ram, CODE, this.registers, this.page.iterations);
    }
    if (this.guest == GUEST_LOOP) return loopGuest(this.ram, CODE);
    return hypercallGuest(this.ram, CODE);
  }

  exit(): u32 {
    if (this.page.exitKind == EXIT_PORT) return this.accessPort();
    const isEnd = this.page.exitKind == EXIT_HYPERCALL || this.page.exitKind == EXIT_HALT;
    if (!isEnd) return ANSWER_NOT_HANDLED;
    if (this.guest >= GUEST_FAULT_BOUNDS && this.guest <= GUEST_FAULT_ASSERT) commitFault(this.guest);
    // No device of this machine interrupts, so that a guest that waits has come to its end.
    if (this.uart.length != 0) this.printLine();
    return ANSWER_GUEST_ENDED;
  }

  /** IN and OUT of one byte. */
  private accessPort(): u32 {
    const access = this.page.access;
    const port = <u32>((access >> IO_PORT_SHIFT) & IO_PORT_MASK);
    const isIn = (access & IO_IS_IN) != 0;
    const isByte = (access & (IO_SIZE_MASK | IO_IS_STRING)) == 0;
    if (!isByte || !this.uart.has(port, isIn)) return ANSWER_NOT_HANDLED;
    if (isIn) this.page.ioValue = this.uart.status;
    else this.uart.transmit(<u8>this.registers.rax);
    if (this.uart.isComplete) this.printLine();
    return ANSWER_NEXT_INSTRUCTION;
  }

  private printLine(): void {
    const address = this.pageAddress + CONSOLE_OFFSET;
    this.page.consoleLength = writeBytes(address, CONSOLE_CAPACITY, this.uart.line, this.uart.length);
    this.uart.clear();
  }

  /** Gives core a line for the console; a second one before core prints the first replaces it. */
  private print(text: string): void {
    this.page.consoleLength = writeText(this.pageAddress + CONSOLE_OFFSET, CONSOLE_CAPACITY, text);
  }
}
