// Where a task-state segment has what (SDM 3A 8.2.1, figure 8-2, and 8.6, figure 8-10).

/** One of the two formats. Offsets are in bytes; general registers and segment registers follow in their encodings' order. */
export class TaskStateFormat {
  constructor(
    /** Bytes of a register and of a field: 2 or 4. */
    readonly width: u32,
    /** The least limit that the descriptor may have. */
    readonly leastLimit: u32,
    readonly instructionPointer: u32,
    readonly flags: u32,
    readonly registers: u32,
    readonly segments: u32,
    /** 6, or 4 without FS and GS. */
    readonly segmentCount: u32,
    readonly ldtr: u32,
    /** 0 where the format has none. */
    readonly cr3: u32,
    /** Of the word that has the T flag as bit 0; 0 where the format has none. */
    readonly debugTrap: u32,
  ) {}
}

export const GENERAL_REGISTERS: u32 = 8;

export function taskState16Bit(): TaskStateFormat {
  return new TaskStateFormat(2, 0x2b, 0x0e, 0x10, 0x12, 0x22, 4, 0x2a, 0, 0);
}

export function taskState32Bit(): TaskStateFormat {
  return new TaskStateFormat(4, 0x67, 0x20, 0x24, 0x28, 0x48, 6, 0x60, 0x1c, 0x64);
}
