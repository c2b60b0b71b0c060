// What SVM makes of a VM exit that a script gives in VMX's terms: the exit code, EXITINFO1 and 2, what asks for the exit, and
// the instruction that exited (APM 2 15.7 to 15.14 and appendix C).
import { has } from "../bits.ts";
import type { Exit, SvmExit } from "../exits.ts";
import type { Guest } from "../guest.ts";
import type { PhysicalMemory } from "../physical-memory.ts";
import { reason, svmExit, vmcb } from "../tables.ts";
import { msrExits, portExits } from "./permission-maps.ts";
import type { VmcbImage } from "./vmcb-image.ts";

/** What the rows look at. */
export interface ExitContext {
  readonly exit: Exit;
  readonly guest: Guest;
  readonly image: VmcbImage;
  readonly memory: PhysicalMemory;
  readonly hasDecodeAssists: boolean;
}

interface Row {
  readonly code: (context: ExitContext) => number;
  /** Whether the VMCB asks for it. */
  readonly isIntercepted: (context: ExitContext) => boolean;
  readonly info?: (context: ExitContext) => readonly [bigint, bigint];
  /** The instruction, without prefixes that make it longer. */
  readonly instruction?: (context: ExitContext) => readonly number[];
  /** What the VMCB does not tell of the instruction even with next RIP is to be read from memory. */
  readonly isDecodedBySoftware?: boolean;
}

const qualification = ({ exit }: ExitContext): bigint => exit.qualification ?? 0n;
const register = ({ exit, guest }: ExitContext, name: string): bigint =>
  exit.registers?.[name] ?? guest.registers.get(name);

/** An exit of an instruction, by the name that it has in both tables of hv/x86: the code's, and the intercept's. */
function plain(name: string, word: "MISC1" | "MISC2" | "MISC3", ...instruction: number[]): Row {
  return {
    code: () => svmExit(`SVM_EXIT_${name}`),
    isIntercepted: ({ image }) => image.isSet(`VMCB_INTERCEPT_${word}`, `INTERCEPT_${name}`),
    ...(instruction.length > 0 && { instruction: () => instruction }),
  };
}

function msrAccess(isWrite: boolean): Row {
  return {
    code: () => svmExit("SVM_EXIT_MSR"),
    isIntercepted: (context) =>
      msrExits(context.memory, context.image, Number(register(context, "rcx") & 0xffffffffn), isWrite),
    info: () => [isWrite ? 1n : 0n, 0n],
    instruction: () => [0x0f, isWrite ? 0x30 : 0x32],
  };
}

const EVENT_NMI = 2;
const HAS_ERROR_CODE = 1n << 11n;
const PAGE_FAULT = 14;

interface Event {
  readonly type: number;
  readonly vector: number;
  readonly errorCode: bigint;
}

function eventOf({ exit }: ExitContext): Event {
  const information = exit.fields?.["VM_EXIT_INTERRUPTION_INFORMATION"] ?? 0n;
  const errorCode = exit.fields?.["VM_EXIT_INTERRUPTION_ERROR_CODE"] ?? 0n;
  return {
    type: Number((information >> 8n) & 7n),
    vector: Number(information & 0xffn),
    errorCode: has(information, HAS_ERROR_CODE) ? errorCode : 0n,
  };
}

const exceptionOrNmi: Row = {
  code: (context) => {
    const { type, vector } = eventOf(context);
    return type === EVENT_NMI ? svmExit("SVM_EXIT_NMI") : svmExit("SVM_EXIT_EXCEPTION") + vector;
  },
  isIntercepted: (context) => {
    const { type, vector } = eventOf(context);
    if (type === EVENT_NMI) return context.image.isSet("VMCB_INTERCEPT_MISC1", "INTERCEPT_NMI");
    return has(context.image.get("VMCB_INTERCEPT_EXCEPTIONS"), 1n << BigInt(vector));
  },
  info: (context) => {
    const { vector, errorCode } = eventOf(context);
    return [errorCode, vector === PAGE_FAULT ? qualification(context) : 0n];
  },
};

const CODE_LONG = 1n << 9n;
const CODE_32_BIT = 1n << 10n;

/** 16, 32 or 64 bits by CS, as EXITINFO1 has them in bits 9:7. */
function addressSize({ guest, image }: ExitContext): bigint {
  const attributes = (image.get("VMCB_CS") >> 16n) & 0xffffn;
  if (guest.is64Bit && has(attributes, CODE_LONG)) return 4n;
  return has(attributes, CODE_32_BIT) ? 2n : 1n;
}

const shift = (name: string): bigint => BigInt(vmcb(`IOIO_${name}_SHIFT`));
const SEGMENT_DS = 3n;

const port: Row = {
  code: () => svmExit("SVM_EXIT_IOIO"),
  isIntercepted: (context) => {
    const from = Number((qualification(context) >> 16n) & 0xffffn);
    return portExits(context.memory, context.image, from, Number(qualification(context) & 7n) + 1);
  },
  info: (context) => {
    const from = qualification(context);
    const [isIn, isString, isRepeated] = [has(from, 8n), has(from, 16n), has(from, 32n)];
    const size = ((from & 7n) + 1n) << shift("SIZE");
    const flags = (isIn ? 1n : 0n) | (isString ? 4n : 0n) | (isRepeated ? 8n : 0n);
    const segment = isString ? SEGMENT_DS << shift("SEGMENT") : 0n;
    const info1 = (from & 0xffff0000n) | size | flags | (addressSize(context) << shift("ADDRESS_SIZE")) | segment;
    const rip = context.exit.rip ?? context.guest.rip;
    return [info1, rip + BigInt(context.exit.instructionLength ?? 0)];
  },
};

const MOV_TO = 0n;
const MOV_FROM = 1n;
const CLTS = 2n;
const LMSW = 3n;
const OTHER_THAN_TS_AND_MP = ~0xan;

const controlRegister = (context: ExitContext): number => Number(qualification(context) & 0xfn);
const controlAccess = (context: ExitContext): bigint => (qualification(context) >> 4n) & 3n;
const generalRegister = (context: ExitContext): number => Number((qualification(context) >> 8n) & 0xfn);

/** MOV with the register in ModRM's reg, and the general-purpose one in rm. */
function moveTo(opcode: number, special: number, general: number): readonly number[] {
  const rex = 0x40 | (special >= 8 ? 4 : 0) | (general >= 8 ? 1 : 0);
  const bytes = [0x0f, opcode, 0xc0 | ((special & 7) << 3) | (general & 7)];
  return rex === 0x40 ? bytes : [rex, ...bytes];
}

function isSelective(context: ExitContext): boolean {
  const { image } = context;
  const isWritten = has(image.get("VMCB_INTERCEPT_CR"), 1n << 16n);
  return !isWritten && image.isSet("VMCB_INTERCEPT_MISC1", "INTERCEPT_CR0_SELECTIVE_WRITE");
}

const REGISTER_NAMES = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"];

const controlRegisterAccess: Row = {
  code: (context) => {
    const access = controlAccess(context);
    if (access === MOV_FROM) return svmExit("SVM_EXIT_CR_READ") + controlRegister(context);
    if (access === CLTS || access === LMSW) return svmExit("SVM_EXIT_CR_WRITE");
    if (controlRegister(context) === 0 && isSelective(context)) return svmExit("SVM_EXIT_CR0_SELECTIVE_WRITE");
    return svmExit("SVM_EXIT_CR_WRITE") + controlRegister(context);
  },
  isIntercepted: (context) => {
    const words = context.image.get("VMCB_INTERCEPT_CR");
    const number = BigInt(controlRegister(context));
    const access = controlAccess(context);
    if (access === MOV_FROM) return has(words, 1n << number);
    if (has(words, 1n << (16n + (access === MOV_TO ? number : 0n)))) return true;
    const name = REGISTER_NAMES[generalRegister(context)];
    if (number !== 0n || access !== MOV_TO || !isSelective(context) || name === undefined) return false;
    return has(register(context, name) ^ context.image.get("VMCB_CR0"), OTHER_THAN_TS_AND_MP);
  },
  info: (context) => {
    const isMove = controlAccess(context) <= MOV_FROM;
    if (!context.hasDecodeAssists || !isMove) return [0n, 0n];
    return [(1n << 63n) | BigInt(generalRegister(context)), 0n];
  },
  instruction: (context) => {
    const access = controlAccess(context);
    if (access === CLTS) return [0x0f, 0x06];
    // LMSW of BX: machine/svm/svm-entry.ts has the source there.
    if (access === LMSW) return [0x0f, 0x01, 0xf3];
    return moveTo(access === MOV_FROM ? 0x20 : 0x22, controlRegister(context), generalRegister(context));
  },
  isDecodedBySoftware: true,
};

const debugRegister = (context: ExitContext): number => Number(qualification(context) & 7n);
const isDebugRead = (context: ExitContext): boolean => has(qualification(context), 16n);

const debugRegisterAccess: Row = {
  code: (context) => svmExit(isDebugRead(context) ? "SVM_EXIT_DR_READ" : "SVM_EXIT_DR_WRITE") + debugRegister(context),
  isIntercepted: (context) => {
    const bit = debugRegister(context) + (isDebugRead(context) ? 0 : 16);
    return has(context.image.get("VMCB_INTERCEPT_DR"), 1n << BigInt(bit));
  },
  info: (context) => [context.hasDecodeAssists ? BigInt(generalRegister(context)) : 0n, 0n],
  instruction: (context) =>
    moveTo(isDebugRead(context) ? 0x21 : 0x23, debugRegister(context), generalRegister(context)),
  isDecodedBySoftware: true,
};

/** Source of a task switch in its VMX exit qualification, bits 31:30. */
const BY_IRET = 1n;
const BY_JUMP = 2n;

const taskSwitch: Row = {
  ...plain("TASK_SWITCH", "MISC1"),
  info: (context) => {
    const { exit, image } = context;
    const source = (qualification(context) >> 30n) & 3n;
    const vectoring = exit.fields?.["IDT_VECTORING_INFORMATION"] ?? 0n;
    const hasErrorCode = has(vectoring, 1n << 31n) && has(vectoring, HAS_ERROR_CODE);
    const info2 =
      (source === BY_IRET ? BigInt(vmcb("TASK_SWITCH_BY_IRET")) : 0n) |
      (source === BY_JUMP ? BigInt(vmcb("TASK_SWITCH_BY_FAR_JUMP")) : 0n) |
      (hasErrorCode ? BigInt(vmcb("TASK_SWITCH_HAS_ERROR_CODE")) : 0n) |
      (hasErrorCode ? (exit.fields?.["IDT_VECTORING_ERROR_CODE"] ?? 0n) : 0n) |
      (((image.get("VMCB_RFLAGS") >> 16n) & 1n) << 48n);
    return [qualification(context) & 0xffffn, info2];
  },
};

const NPF_WRITE = 2n;
const NPF_USER = 4n;
const NPF_FETCH = 16n;

const nestedPageFault: Row = {
  code: () => svmExit("SVM_EXIT_NPF"),
  isIntercepted: ({ image }) => image.isSet("VMCB_NESTED_CONTROL", "NESTED_PAGING_ENABLE"),
  info: (context) => {
    const ept = qualification(context);
    const isPresent = has(ept, 0x38n) ? 1n : 0n;
    const access = (has(ept, 2n) ? NPF_WRITE : 0n) | (has(ept, 4n) ? NPF_FETCH : 0n);
    const isOfTable = has(ept, 0x80n) && !has(ept, 0x100n);
    const where = BigInt(vmcb(isOfTable ? "NPF_OF_GUEST_TABLE" : "NPF_OF_TRANSLATION"));
    // A walk of the guest's tables counts as a write.
    const error = isPresent | access | NPF_USER | (isOfTable ? NPF_WRITE : 0n) | where;
    return [error, context.exit.fields?.["GUEST_PHYSICAL_ADDRESS"] ?? 0n];
  },
};

const ROWS: Readonly<Record<string, Row>> = {
  EXCEPTION_OR_NMI: exceptionOrNmi,
  EXTERNAL_INTERRUPT: plain("INTR", "MISC1"),
  TRIPLE_FAULT: plain("SHUTDOWN", "MISC1"),
  INIT_SIGNAL: plain("INIT", "MISC1"),
  INTERRUPT_WINDOW: plain("VINTR", "MISC1"),
  NMI_WINDOW: plain("IRET", "MISC1", 0xcf),
  TASK_SWITCH: taskSwitch,
  CPUID: plain("CPUID", "MISC1", 0x0f, 0xa2),
  HLT: plain("HLT", "MISC1", 0xf4),
  INVD: plain("INVD", "MISC1", 0x0f, 0x08),
  RDPMC: plain("RDPMC", "MISC1", 0x0f, 0x33),
  RDTSC: plain("RDTSC", "MISC1", 0x0f, 0x31),
  VMCALL: plain("VMMCALL", "MISC2", 0x0f, 0x01, 0xd9),
  CONTROL_REGISTER_ACCESS: controlRegisterAccess,
  MOV_DR: debugRegisterAccess,
  IO_INSTRUCTION: port,
  RDMSR: msrAccess(false),
  WRMSR: msrAccess(true),
  MWAIT: plain("MWAIT", "MISC2", 0x0f, 0x01, 0xc9),
  MONITOR: plain("MONITOR", "MISC2", 0x0f, 0x01, 0xc8),
  PAUSE: plain("PAUSE", "MISC1", 0xf3, 0x90),
  RDTSCP: plain("RDTSCP", "MISC2", 0x0f, 0x01, 0xf9),
  WBINVD: plain("WBINVD", "MISC2", 0x0f, 0x09),
  XSETBV: plain("XSETBV", "MISC2", 0x0f, 0x01, 0xd1),
  INVPCID: plain("INVPCID", "MISC3"),
  EPT_VIOLATION: nestedPageFault,
};

const rowsByReason = new Map(Object.entries(ROWS).map(([name, row]) => [reason(`EXIT_REASON_${name}`), row]));

/** A #VMEXIT, and the instruction that software may have to look at. */
export interface Translated extends SvmExit {
  readonly info1: bigint;
  readonly info2: bigint;
  readonly instruction: readonly number[] | null;
  readonly isDecodedBySoftware: boolean;
}

/** The #VMEXIT for a script's exit; throws where SVM has none such, or where the VMCB does not ask for it. */
export function translate(context: ExitContext): Translated {
  const { exit } = context;
  if (exit.svm) {
    const { code, info1 = 0n, info2 = 0n } = exit.svm;
    return { code, info1, info2, instruction: null, isDecodedBySoftware: false };
  }
  const row = rowsByReason.get(exit.reason);
  if (!row) throw new Error(`SVM has no exit like VMX's ${exit.reason}: name the difference`);
  const code = row.code(context);
  if (!row.isIntercepted(context)) throw new Error(`the VMCB does not ask for an exit 0x${code.toString(16)}`);
  const [info1, info2] = row.info?.(context) ?? [0n, 0n];
  const instruction = row.instruction?.(context) ?? null;
  return { code, info1, info2, instruction, isDecodedBySoftware: row.isDecodedBySoftware === true };
}
