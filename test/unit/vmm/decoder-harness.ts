// AssemblyScript: the instruction decoder as exports, for decoder.test.ts. Holds no logic of its own.

import { Decoder } from "../../../hv/vmm/decode/decoder";
import { Instruction } from "../../../hv/vmm/decode/instruction";
import { InstructionBytes } from "../../../hv/vmm/memory/instruction-bytes";

export function createDecoder(): Decoder {
  return new Decoder();
}

export function createBytes(): InstructionBytes {
  return new InstructionBytes();
}

export function createInstruction(): Instruction {
  return new Instruction();
}

/** Decodes the first `count` of the bytes that `setByte` has set. */
export function decode(decoder: Decoder, code: InstructionBytes, count: u32, mode: u32, into: Instruction): u32 {
  code.count = count;
  return decoder.decode(code, mode, into);
}

export function setByte(code: InstructionBytes, position: u32, byte: u8): void {
  code.buffer[position] = byte;
}

/** A field of `instruction` by its place in decoder.ts's FIELDS. */
export function field(instruction: Instruction, number: u32): i64 {
  switch (number) {
    case 0:
      return instruction.length;
    case 1:
      return instruction.operation;
    case 2:
      return instruction.form;
    case 3:
      return instruction.operandBytes;
    case 4:
      return instruction.memoryBytes;
    case 5:
      return instruction.addressBytes;
    case 6:
      return instruction.segment;
    case 7:
      return instruction.repeat;
    case 8:
      return instruction.isLocked ? 1 : 0;
    case 9:
      return instruction.hasRex ? 1 : 0;
    case 10:
      return instruction.isMemory ? 1 : 0;
    case 11:
      return instruction.base;
    case 12:
      return instruction.index;
    case 13:
      return instruction.scaleShift;
    case 14:
      return instruction.displacement;
    case 15:
      return instruction.isRipRelative ? 1 : 0;
    case 16:
      return instruction.register;
    case 17:
      return instruction.rm;
    default:
      return instruction.immediate;
  }
}
