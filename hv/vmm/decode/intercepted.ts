// Where an instruction ends that exits for what it does, not for an operand: CPUID, HLT, RDMSR and their like. Where the
// processor does not tell it, core asks (EXIT_INSTRUCTION), and is told what guest RAM the answer rests on.

import { INSTRUCTION_RECORD_OFFSET, RECORDED_PLACE_BYTES, RecordedPlace } from "../../shared/instruction-record";
import { ANSWER_NEXT_INSTRUCTION, ANSWER_NOT_HANDLED, NO_OPERAND_READ } from "../../shared/vcpu-page";
import { CR4_PAE } from "../../x86/control-registers";
import { ACCESS_RIGHTS_32_BIT } from "../../x86/segments";
import { PAGE_OFFSET_MASK_4_KIB, PAGE_SIZE_4_KIB } from "../../x86/paging";
import { VcpuViews } from "../cpu/vcpu-views";
import { InstructionBytes } from "../memory/instruction-bytes";
import { RegisterFile } from "../memory/register-file";
import { Decoder } from "./decoder";
import { Instruction } from "./instruction";
import { INSTRUCTION_BYTES, LinearMemory, NO_FAULT } from "./linear-memory";
import { Operands } from "./operands";
import { CODE_16_BIT, CODE_32_BIT, CODE_64_BIT, DECODED } from "./operations";
import { LINEAR_MASK_32_BIT } from "./segmentation";
import { FOR_FETCH } from "./translate";
import { WalkRecord } from "./walk-record";

const ALL_ONES: u64 = 0xffffffffffffffff;
const ESCAPE: u32 = 0x0f;
const REX_B: u32 = 1;

/** Opcodes of one byte: HLT, PAUSE's NOP, INT1, INT3, IRET. */
const ONE_BYTE: StaticArray<u32> = [0xf4, 0x90, 0xf1, 0xcc, 0xcf];
/** Behind 0F, and complete: INVD, WBINVD, WRMSR, RDTSC, RDMSR, RDPMC, CPUID, RSM. */
const ESCAPED: StaticArray<u32> = [0x08, 0x09, 0x30, 0x31, 0x32, 0x33, 0xa2, 0xaa];
/** Behind 0F, with a byte more: the group of VMMCALL and XSETBV, and MOV from and to control registers. */
const GROUP_7: u32 = 0x01;
/** LMSW, its form and its operand those of MOVZX from 16 bits. */
const LMSW: u32 = 6;
const MOVZX: u8 = 0xb7;
const MOV_FROM_CR: u32 = 0x20;
const MOV_TO_CR: u32 = 0x22;
/** Of that group, what has no operand: bits 7:6 of the third byte are 1. */
const NO_OPERAND: u32 = 0xc0;

export class InterceptedInstructions {
  private readonly code: InstructionBytes = new InstructionBytes();
  private readonly walk: WalkRecord = new WalkRecord();
  private readonly record: u32;
  private readonly decoder: Decoder = new Decoder();
  private readonly instruction: Instruction = new Instruction();
  private readonly operands: Operands;
  private register: u32 = 0;
  private operand: u32 = NO_OPERAND_READ;

  /** `pageAddress` is that of the vCPU page. */
  constructor(
    pageAddress: u32,
    private readonly vcpu: VcpuViews,
    private readonly memory: LinearMemory,
  ) {
    this.record = pageAddress + INSTRUCTION_RECORD_OFFSET;
    this.operands = new Operands(new RegisterFile(vcpu.registers), vcpu.cpu);
  }

  /** Answers EXIT_INSTRUCTION: ANSWER_NEXT_INSTRUCTION, or ANSWER_NOT_HANDLED where the bytes are no such instruction. */
  answer(): u32 {
    const code = this.code;
    const page = this.vcpu.page;
    code.count = this.memory.fetchAtRip(code.buffer);
    this.operand = NO_OPERAND_READ;
    const length = this.lengthOf(code);
    if (length == 0 || length > code.count) return ANSWER_NOT_HANDLED;
    page.instructionLength = length;
    page.decodedRegister = this.register;
    page.machineStatusWord = this.operand;
    page.recordedPlaces = this.recordPlaces(length);
    return ANSWER_NEXT_INSTRUCTION;
  }

  /** 0 for what is none of these instructions. */
  private lengthOf(code: InstructionBytes): u32 {
    const is64Bit = this.vcpu.isIn64BitMode;
    let position: u32 = 0;
    let rex: u32 = 0;
    let byte = code.u8(0);
    while (position < INSTRUCTION_BYTES && isPrefix(byte, is64Bit)) {
      // A REX counts only if it is the last prefix.
      rex = is64Bit && (byte & 0xf0) == 0x40 ? byte : 0;
      byte = code.u8(++position);
    }
    position++;
    if (byte != ESCAPE) return ONE_BYTE.includes(byte) ? position : 0;
    const opcode = code.u8(position++);
    if (ESCAPED.includes(opcode)) return position;
    const third = code.u8(position++);
    if (opcode == GROUP_7 && ((third >> 3) & 7) == LMSW) return this.loadMachineStatusWord(code, position - 2);
    if (opcode == GROUP_7) return third >= NO_OPERAND ? position : 0;
    this.register = (third & 7) | ((rex & REX_B) << 3);
    return opcode == MOV_FROM_CR || opcode == MOV_TO_CR ? position : 0;
  }

  /** LMSW with its opcode's last byte at `position`: reads its operand. Its length; 0 where the operand cannot be read. */
  private loadMachineStatusWord(code: InstructionBytes, position: u32): u32 {
    const instruction = this.instruction;
    code.buffer[position] = MOVZX;
    const isDecoded = this.decoder.decode(code, this.mode, instruction) == DECODED;
    if (!isDecoded) return 0;
    if (!instruction.isMemory) {
      this.operand = <u16>this.operands.registers.read64(instruction.rm);
      return instruction.length;
    }
    const memory = this.memory;
    let status = memory.toLinear(instruction.segment, this.operands.offset(instruction), 2, false);
    if (status == NO_FAULT) status = memory.read(memory.linear, 2);
    this.operand = <u16>memory.value;
    return status == NO_FAULT ? instruction.length : 0;
  }

  /** CODE_*. */
  private get mode(): u32 {
    if (this.vcpu.isIn64BitMode) return CODE_64_BIT;
    return (this.vcpu.codeSegment.accessRights & ACCESS_RIGHTS_32_BIT) != 0 ? CODE_32_BIT : CODE_16_BIT;
  }

  /** Writes the places to the page: how many, or 0 where they cannot be told, as of an instruction across two pages. */
  private recordPlaces(length: u32): u32 {
    const memory = this.memory;
    const cpu = this.vcpu.cpu;
    const is64Bit = this.vcpu.isIn64BitMode;
    const start = is64Bit ? cpu.rip : (this.vcpu.codeSegment.base + cpu.rip) & LINEAR_MASK_32_BIT;
    if (length > 8 || (start & PAGE_OFFSET_MASK_4_KIB) + length > PAGE_SIZE_4_KIB) return 0;
    const walk = this.walk;
    let places: u32 = 0;
    let physical = start;
    if (memory.walker.hasPaging) {
      if (!memory.walker.record(start, memory.privilege() | FOR_FETCH, walk)) return 0;
      physical = walk.physical;
      const mask = cpu.cr4 & CR4_PAE ? ALL_ONES : LINEAR_MASK_32_BIT;
      places = this.put(places, walk.address0, walk.entry0, mask);
      places = this.put(places, walk.address1, walk.entry1, mask);
      places = this.put(places, walk.address2, walk.entry2, mask);
      places = this.put(places, walk.address3, walk.entry3, mask);
    }
    if (!memory.ram.holds(physical, 8)) return 0;
    return this.put(places, physical, this.code.low, ALL_ONES >> (64 - 8 * length));
  }

  private put(places: u32, address: u64, value: u64, mask: u64): u32 {
    const place = changetype<RecordedPlace>(<usize>(this.record + places * RECORDED_PLACE_BYTES));
    place.address = address;
    place.value = value;
    place.mask = mask;
    return places + 1;
  }
}

/** Legacy prefixes, and in 64-bit mode REX. */
function isPrefix(byte: u32, is64Bit: bool): bool {
  if ((byte & 0xf0) == 0x40) return is64Bit;
  if ((byte & 0xe7) == 0x26 || (byte & 0xfc) == 0x64) return true;
  return byte == 0xf0 || byte == 0xf2 || byte == 0xf3;
}
