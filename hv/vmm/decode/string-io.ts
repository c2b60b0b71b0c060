// INS and OUTS, with and without REP (SDM 2A "INS/INSB/INSW/INSD", 2B "OUTS/OUTSB/OUTSW/OUTSD").

// The CPU tells port, size, direction and REP, and has checked the right to the port. Not every CPU tells address size and
// segment, so these are read from the instruction's prefixes.

import { IO_IS_IN, IO_IS_REPEATED, IO_PORT_MASK, IO_PORT_SHIFT, IO_SIZE_MASK } from "../../shared/port-access";
import { ANSWER_EMULATED, ANSWER_FAULT, ANSWER_NOT_HANDLED, ANSWER_RESUME } from "../../shared/vcpu-page";
import { RFLAGS_DF } from "../../x86/control-registers";
import {
  ACCESS_RIGHTS_32_BIT,
  SEGMENT_CS,
  SEGMENT_DS,
  SEGMENT_ES,
  SEGMENT_FS,
  SEGMENT_GS,
  SEGMENT_SS,
} from "../../x86/segments";
import { Bus } from "../bus";
import { VcpuViews } from "../cpu/vcpu-views";
import { FETCH_BYTES, INSTRUCTION_BYTES, LinearMemory, NO_FAULT } from "./linear-memory";

/** Iterations of one exit; then the guest is resumed at the instruction, so that its interrupts are not held up. */
const MOST_ITERATIONS: u32 = 512;

const PREFIX_LOCK: u8 = 0xf0;
const PREFIX_REPNE: u8 = 0xf2;
const PREFIX_REP: u8 = 0xf3;
const PREFIX_OPERAND_SIZE: u8 = 0x66;
const PREFIX_ADDRESS_SIZE: u8 = 0x67;
const PREFIX_ES: u8 = 0x26;
const PREFIX_CS: u8 = 0x2e;
const PREFIX_SS: u8 = 0x36;
const PREFIX_DS: u8 = 0x3e;
const PREFIX_FS: u8 = 0x64;
const PREFIX_GS: u8 = 0x65;
const REX: u8 = 0x40;
const REX_MASK: u8 = 0xf0;
/** INSB; bit 0 is a wider operand, bit 1 OUTS. */
const OPCODE_INS: u8 = 0x6c;
const OPCODE_MASK: u8 = 0xfc;
const OPCODE_IS_OUTS: u8 = 2;

/** Carries out string I/O for one vCPU. */
export class StringIo {
  /** Why ANSWER_NOT_HANDLED was answered: a sentence for the console. */
  failure: string = "";

  private readonly instruction: StaticArray<u8> = new StaticArray<u8>(FETCH_BYTES);
  private length: u32 = 0;
  private addressMask: u64 = 0;
  private segment: u32 = 0;

  constructor(
    private readonly vcpu: VcpuViews,
    private readonly memory: LinearMemory,
    private readonly ports: Bus,
  ) {}

  /**
   * Answers EXIT_STRING_PORT: ANSWER_EMULATED when it is done, ANSWER_RESUME when iterations are left, ANSWER_FAULT in
   * the iteration that faults, or ANSWER_NOT_HANDLED and `failure`.
   */
  exit(): u32 {
    const answer = this.decode();
    return answer == ANSWER_EMULATED ? this.iterate() : answer;
  }

  /** Finds length, address size and segment: ANSWER_EMULATED, or why not. */
  private decode(): u32 {
    const page = this.vcpu.page;
    const fetched = this.memory.fetchAtRip(this.instruction);
    const is64Bit = this.memory.isIn64BitMode;
    const isBig = (this.vcpu.segments[SEGMENT_CS].accessRights & ACCESS_RIGHTS_32_BIT) != 0;
    let hasAddressPrefix = false;
    this.segment = SEGMENT_DS;
    let at: u32 = 0;
    while (at < fetched && this.takePrefix(this.instruction[at], is64Bit)) {
      if (this.instruction[at] == PREFIX_ADDRESS_SIZE) hasAddressPrefix = true;
      at++;
    }
    if (at >= fetched) return fetched < INSTRUCTION_BYTES ? this.fault() : this.notDecoded(fetched);

    const opcode = this.instruction[at];
    const isOuts = (opcode & OPCODE_IS_OUTS) != 0;
    const isToldLength = page.instructionLength == 0 || page.instructionLength == at + 1;
    if ((opcode & OPCODE_MASK) != OPCODE_INS || isOuts == ((page.access & IO_IS_IN) != 0) || !isToldLength) {
      return this.notDecoded(fetched);
    }
    this.length = at + 1;
    if (is64Bit) this.addressMask = hasAddressPrefix ? 0xffffffff : 0xffffffffffffffff;
    else this.addressMask = isBig == hasAddressPrefix ? 0xffff : 0xffffffff;
    return ANSWER_EMULATED;
  }

  /** Whether `byte` is a prefix. Overrides of FS and GS are the only ones that count in 64-bit mode. */
  private takePrefix(byte: u8, is64Bit: bool): bool {
    if (byte == PREFIX_FS) this.segment = SEGMENT_FS;
    else if (byte == PREFIX_GS) this.segment = SEGMENT_GS;
    else if (is64Bit && (byte & REX_MASK) == REX) return true;
    else if (byte == PREFIX_ES) this.segment = is64Bit ? this.segment : SEGMENT_ES;
    else if (byte == PREFIX_CS) this.segment = is64Bit ? this.segment : SEGMENT_CS;
    else if (byte == PREFIX_SS) this.segment = is64Bit ? this.segment : SEGMENT_SS;
    else if (byte == PREFIX_DS) this.segment = is64Bit ? this.segment : SEGMENT_DS;
    else if (byte == PREFIX_REP || byte == PREFIX_REPNE || byte == PREFIX_LOCK) return true;
    else return byte == PREFIX_OPERAND_SIZE || byte == PREFIX_ADDRESS_SIZE;
    return true;
  }

  private iterate(): u32 {
    const page = this.vcpu.page;
    const registers = this.vcpu.registers;
    const access = page.access;
    const mask = this.addressMask;
    const isRepeated = (access & IO_IS_REPEATED) != 0;
    const isIn = (access & IO_IS_IN) != 0;
    const port = (access >> IO_PORT_SHIFT) & IO_PORT_MASK;
    const bytes = <u32>(access & IO_SIZE_MASK) + 1;
    const step: u64 = (this.vcpu.cpu.rflags & RFLAGS_DF) != 0 ? -(<u64>bytes) : bytes;

    let left = isRepeated ? registers.rcx & mask : 1;
    let done: u32 = 0;
    while (left > 0) {
      if (done++ == MOST_ITERATIONS) return ANSWER_RESUME;
      const status = isIn ? this.input(port, bytes) : this.output(port, bytes);
      if (status != NO_FAULT) return this.fault();
      if (isIn) registers.rdi = merge(registers.rdi, registers.rdi + step, mask);
      else registers.rsi = merge(registers.rsi, registers.rsi + step, mask);
      left--;
      if (isRepeated) registers.rcx = merge(registers.rcx, left, mask);
    }
    page.instructionLength = this.length;
    return ANSWER_EMULATED;
  }

  /** The port is read when nothing can fault any more: a device may count reads. */
  private input(port: u64, bytes: u32): u32 {
    const memory = this.memory;
    const status = memory.toLinear(SEGMENT_ES, this.vcpu.registers.rdi & this.addressMask, bytes, true);
    if (status != NO_FAULT) return status;
    const fault = memory.checkWrite(memory.linear, bytes);
    if (fault == NO_FAULT) memory.writeChecked(memory.linear, bytes, this.ports.read(port, bytes));
    return fault;
  }

  private output(port: u64, bytes: u32): u32 {
    const memory = this.memory;
    const status = memory.toLinear(this.segment, this.vcpu.registers.rsi & this.addressMask, bytes, false);
    if (status != NO_FAULT) return status;
    const fault = memory.read(memory.linear, bytes);
    if (fault == NO_FAULT) this.ports.write(port, bytes, memory.value);
    return fault;
  }

  private fault(): u32 {
    const page = this.vcpu.page;
    page.faultVector = this.memory.faultVector;
    page.faultErrorCode = this.memory.faultErrorCode;
    page.faultAddress = this.memory.faultAddress;
    return ANSWER_FAULT;
  }

  /** The guest has changed its code, or its page tables and not its TLB, since the CPU fetched the instruction. */
  private notDecoded(fetched: u32): u32 {
    let bytes = "";
    for (let i: u32 = 0; i < fetched; i++) bytes += " " + this.instruction[i].toString(16).padStart(2, "0");
    this.failure =
      "found" + bytes + " at RIP " + this.vcpu.cpu.rip.toString(16) + ", expected the INS or OUTS that exited";
    return ANSWER_NOT_HANDLED;
  }
}

/** What a register holds after `value` was written to as much of it as the address size covers: 16, 32 or 64 bits. */
function merge(old: u64, value: u64, mask: u64): u64 {
  return mask == 0xffff ? (old & ~mask) | (value & mask) : value & mask;
}
