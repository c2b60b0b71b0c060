// MOV between a register, or an immediate, and a device: what a driver's every access is, and so the short way.

import { ACCESS_HAS_LINEAR, ACCESS_READ, ACCESS_WRITE, EXIT_STRING_PORT, VcpuPage } from "../../shared/vcpu-page";
import { PAGE_OFFSET_MASK_4_KIB } from "../../x86/paging";
import { SEGMENT_FS } from "../../x86/segments";
import { Bus, Device, MemoryWriter, writeDevice } from "../bus";
import { RegisterFile } from "../memory/register-file";
import { Instruction } from "./instruction";
import { isHighByte } from "./operands";
import { FORM_REGISTER_RM, FORM_RM_IMMEDIATE, NO_REGISTER, OP_MOV, RSP } from "./operations";

const ALL_ONES: u64 = 0xffffffffffffffff;
/** An access that no exit tells of. */
const NO_ACCESS: u64 = 0;

/** A MOV of 64-bit code at one RIP, with all that is known beforehand worked out. Made once and filled in again. */
export class Move {
  /** What the exit tells of it: ACCESS_*; NO_ACCESS for what is no such MOV. */
  access: u64 = NO_ACCESS;
  /** 1, 2, 4 or 8. */
  bytes: u32 = 0;
  /** The address is `displacement` + base + (index << scaleShift), of which `addressMask` are left. */
  displacement: u64 = 0;
  base: u32 = NO_REGISTER;
  index: u32 = NO_REGISTER;
  scaleShift: u64 = 0;
  addressMask: u64 = 0;
  /** What is loaded, or stored; without a register `immediate` is stored. */
  register: u32 = NO_REGISTER;
  immediate: u64 = 0;
  valueMask: u64 = 0;
  /** Of the instruction. */
  length: u32 = 0;
  /** Where it led to last, which Executor looks for anew where it is another one: the operand fits at so many `offsets`. */
  device: Device | null = null;
  writer: MemoryWriter = writeDevice;
  start: u64 = 0;
  offsets: u64 = 0;

  /** Has it lead to where the exit's access to `gpa` goes. False where no device is, and where it led there already. */
  redirect(bus: Bus, gpa: u64): bool {
    if (this.access == NO_ACCESS) return false;
    const range = bus.rangeOf(gpa, this.bytes);
    if (range == null || (range.device == this.device && range.start == this.start && this.offsets != 0)) return false;
    this.device = range.device;
    this.writer = range.writer;
    this.start = range.start;
    this.offsets = range.bytes - this.bytes + 1;
    return true;
  }

  /**
   * Takes over `instruction` at `rip` if it is such a MOV, of operands for which 64-bit code needs none of CpuState: not by
   * way of FS or GS, and not with RSP.
   */
  prepare(instruction: Instruction, rip: u64): void {
    this.access = NO_ACCESS;
    this.offsets = 0;
    this.length = instruction.length;
    const form = instruction.form;
    const hasRegister = form != FORM_RM_IMMEDIATE;
    if (instruction.operation != OP_MOV || form > FORM_RM_IMMEDIATE || !instruction.isMemory) return;
    if (instruction.segment >= SEGMENT_FS || instruction.base == RSP || instruction.index == RSP) return;
    if (hasRegister && (instruction.register == RSP || isHighByte(instruction))) return;
    this.bytes = instruction.operandBytes;
    this.valueMask = ALL_ONES >> (64 - 8 * instruction.operandBytes);
    this.displacement = <u64>instruction.displacement + (instruction.isRipRelative ? rip + instruction.length : 0);
    this.base = instruction.base;
    this.index = instruction.index;
    this.scaleShift = instruction.scaleShift;
    this.addressMask = ALL_ONES >> (64 - 8 * instruction.addressBytes);
    this.register = hasRegister ? instruction.register : NO_REGISTER;
    this.immediate = (<u64>instruction.immediate) & this.valueMask;
    this.access = ACCESS_HAS_LINEAR | (form == FORM_REGISTER_RM ? ACCESS_READ : ACCESS_WRITE);
  }
}

export class PlainMove {
  constructor(
    private readonly page: VcpuPage,
    private readonly registers: RegisterFile,
  ) {}

  /**
   * Where the processor tells no linear address, the exit's is the guest-physical one: has `move` expect the page that this is
   * in. An instruction with one operand in memory accesses no other page. False where that is not what is in its way.
   */
  follow(move: Move): bool {
    const page = this.page;
    if (page.hidesLinearAddress == 0 || move.access == NO_ACCESS) return false;
    const away = page.linearAddress - this.linearOf(move);
    if (away == 0 || (away & PAGE_OFFSET_MASK_4_KIB) != 0) return false;
    move.displacement += away;
    return true;
  }

  private linearOf(move: Move): u64 {
    const registers = this.registers;
    let linear = move.displacement;
    if (move.base != NO_REGISTER) linear += registers.read64(move.base);
    if (move.index != NO_REGISTER) linear += registers.read64(move.index) << move.scaleShift;
    return linear & move.addressMask;
  }

  /**
   * Carries out `move` if its operand in memory is just what the exit tells of: then the CPU has been through segmentation,
   * paging and every check of this access, and told the physical address. An aligned operand has no second page, and no
   * alignment check. VcpuPage.instructionLength is told. False where it is something else, or leads to another device, and
   * then nothing is done.
   */
  execute(move: Move): bool {
    const page = this.page;
    const registers = this.registers;
    let linear = move.displacement;
    if (move.base != NO_REGISTER) linear += registers.read64(move.base);
    if (move.index != NO_REGISTER) linear += registers.read64(move.index) << move.scaleShift;
    linear &= move.addressMask;
    const bytes = move.bytes;
    const access = page.access;
    const difference = (linear ^ page.linearAddress) | (linear & (bytes - 1)) | (access ^ move.access);
    if (difference != 0 || page.exitKind == EXIT_STRING_PORT) return false;
    const gpa = page.gpa;
    const offset = gpa - move.start;
    const device = move.device;
    if (offset >= move.offsets || device == null) return false;
    page.instructionLength = move.length;
    const register = move.register;
    if (access & ACCESS_WRITE) {
      const value = register == NO_REGISTER ? move.immediate : registers.read64(register) & move.valueMask;
      move.writer(device, <u32>offset, bytes, value);
    } else {
      registers.write(register, bytes, device.read(<u32>offset, bytes) & move.valueMask);
    }
    return true;
  }
}
