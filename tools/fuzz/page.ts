// Where the fields of hv/shared/vcpu-page.ts's VcpuPage lie: unmanaged classes are laid out as C does it.

/** In their order; those of 8 bytes are aligned to 8, the others have 4. */
const FIELDS = [
  ...["exitKind", "instructionLength", "access:8", "gpa:8", "linearAddress:8", "ramBytes:8", "iterations:8", "guest"],
  ...["consoleLength", "startRip:8", "startRsp:8", "startCr3:8", "ioValue:8", "faultAddress:8", "faultVector"],
  ...["faultErrorCode", "moduleAddress", "moduleBytes", "commandLineBytes", "consoleIsDebug", "exitValue"],
  ...["eventRequest", "recordedPlaces", "decodedRegister", "machineStatusWord", "hidesLinearAddress", "hypercallByte"],
  ...["tscKilohertz", "initrdAddress", "initrdBytes", "diskAddress", "diskBytes", "diskIsReadOnly", "tscOffset:8"],
  ...["wakeAt:8", "waitingInterrupt", "acknowledgedInterrupt", "inputLength", "startMode", "startGdtrBase"],
  ...["startGdtrLimit", "moduleIsFlat", "seed0:8", "seed1:8", "seed2:8", "seed3:8", "startSeconds:8"],
  ...["hasRawConsole", "consoleIsRaw", "stateAddress", "stateLength"],
] as const;
type Name<T extends string> = T extends `${infer N}:8` ? N : T;
export type PageField = Name<(typeof FIELDS)[number]>;

function layOut(): Record<PageField, number> {
  let next = 0;
  const words = FIELDS.map((field): [string, number] => {
    const [name, bytes] = field.split(":") as [string, string?];
    const word = bytes === "8" ? next + (next & 1) : next;
    next = word + (bytes === "8" ? 2 : 1);
    return [name, word];
  });
  return Object.fromEntries(words) as Record<PageField, number>;
}

/** A field's offset in words of 4 bytes; the high half of one of 8 bytes follows. */
export const FIELD = layOut();

/** Of CpuState, at CPU_STATE_OFFSET: words. */
export const CPU = {
  rip: 128,
  rflags: 130,
  cr0: 132,
  cr3: 134,
  cr4: 136,
  efer: 138,
  pdpte0: 140,
  gdtrBase: 148,
  idtrBase: 150,
  gdtrLimit: 152,
  idtrLimit: 153,
  cpl: 154,
  physicalAddressBits: 155,
} as const;

/** Of the first SegmentState, at SEGMENTS_OFFSET: words. Base (8 bytes), limit, access rights, selector. */
export const SEGMENTS = 192;
export const SEGMENT_WORDS = 6;

/** Of the general-purpose registers: words. */
export const REGISTERS = 1024 - 32;
