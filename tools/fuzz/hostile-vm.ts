// A VM whose guest, and whose core, is the fuzzer: the real vmm.wasm, counted, with a check of all that it does at each call.
import initWabt from "wabt";
import { HEAP_END, ITERATIONS } from "../build/count-iterations.ts";
import { CPU, FIELD, type PageField, REGISTERS, SEGMENT_WORDS, SEGMENTS } from "./page.ts";
import { shared } from "./shared.ts";

/**
 * Loop iterations, calls of functions, and eight bytes of bulk copies, of which one call of the vmm has no more. A loop's body or
 * a function between two of them is some 10 to 60 instructions of the processor's, less than 20 ticks, and eight bytes are
 * one or two: such a call stays within 100 million ticks. The largest that a guest can have is two requests of a disk, of
 * nearly 4 million ticks each as it estimates them: 31 MiB, 4.1 million.
 */
export const BUDGET = 5_000_000;

const GIB = 1 << 30;
const PAGE = shared("VCPU_PAGE_IN_VMM");
const HEAP_START = 3 * GIB;
/** Where core maps a module, and here the disk too. */
export const MODULE = shared("MODULE_IN_VMM");
export const DISK = 0xe000_0000;
/** As much around everything that the vmm may write is looked at after each episode. */
const GUARD = 1 << 16;

export const RAM_BYTES = 2 << 20;
/** What generated traffic may have written: rings, buffers, random code. All other RAM stays as it is. */
export const OPEN_START = 0x4_0000;
export const OPEN_END = 0x14_0000;
const PATTERN = 0xa5;

export const KIND = {
  port: shared("EXIT_PORT"),
  stringPort: shared("EXIT_STRING_PORT"),
  memory: shared("EXIT_MEMORY"),
  hypercall: shared("EXIT_HYPERCALL"),
  halt: shared("EXIT_HALT"),
  taskSwitch: shared("EXIT_TASK_SWITCH"),
  move: shared("EXIT_MEMORY_MOVE"),
  instruction: shared("EXIT_INSTRUCTION"),
  msr: shared("EXIT_MSR"),
  alarm: shared("EXIT_ALARM"),
  input: shared("EXIT_INPUT"),
  taskPriority: shared("EXIT_TASK_PRIORITY"),
} as const;
const KIND_NAMES = Object.keys(KIND);

export const ANSWER = {
  resume: shared("ANSWER_RESUME"),
  next: shared("ANSWER_NEXT_INSTRUCTION"),
  ended: shared("ANSWER_GUEST_ENDED"),
  notHandled: shared("ANSWER_NOT_HANDLED"),
  emulated: shared("ANSWER_EMULATED"),
  fault: shared("ANSWER_FAULT"),
  loadState: shared("ANSWER_LOAD_STATE"),
  exited: shared("ANSWER_GUEST_EXITED"),
  stateNeeded: shared("ANSWER_STATE_NEEDED"),
  reset: shared("ANSWER_GUEST_RESET"),
  off: shared("ANSWER_GUEST_OFF"),
} as const;
const ANSWER_NAMES = Object.keys(ANSWER);
const AND_REQUEST = shared("ANSWER_AND_REQUEST");
const AND_TEXT = shared("ANSWER_AND_TEXT");
const WAITS = shared("INTERRUPT_WAITS");
const TELLS = shared("INTERRUPT_TELLS");
const NMI = shared("REQUEST_NMI");
const VECTOR = 0xff;

const bits = (...answers: number[]): number => answers.reduce((all, answer) => all | (1 << answer), 0);
const DEVICE_ENDS = bits(ANSWER.exited, ANSWER.reset, ANSWER.off);
const EMULATION = bits(ANSWER.emulated, ANSWER.resume, ANSWER.fault, ANSWER.notHandled) | DEVICE_ENDS;
/** By the exit's kind: the answers that core knows what to do with. */
const LEGAL = {
  port: bits(ANSWER.next) | DEVICE_ENDS,
  stringPort: EMULATION,
  memory: EMULATION,
  hypercall: bits(ANSWER.ended),
  halt: bits(ANSWER.resume, ANSWER.ended),
  taskSwitch: bits(ANSWER.loadState, ANSWER.fault, ANSWER.notHandled),
  move: EMULATION | bits(ANSWER.stateNeeded),
  instruction: bits(ANSWER.next, ANSWER.notHandled),
  msr: bits(ANSWER.next, ANSWER.fault),
  alarm: bits(ANSWER.resume),
  input: bits(ANSWER.resume),
  taskPriority: bits(ANSWER.next),
} as const;
const LEGAL_BY_KIND: number[] = [];
for (const [name, number] of Object.entries(KIND)) LEGAL_BY_KIND[number] = LEGAL[name as keyof typeof LEGAL];

/** What core tells and a vmm leaves as it is, checked after each episode. */
const CORES: readonly PageField[] = [
  ...(["ramBytes", "iterations", "guest", "moduleAddress", "moduleBytes", "commandLineBytes"] as const),
  ...(["hidesLinearAddress", "hypercallByte", "tscKilohertz", "initrdAddress", "initrdBytes", "diskAddress"] as const),
  ...(["diskBytes", "diskIsReadOnly", "moduleIsFlat", "seed0", "seed1", "seed2", "seed3", "startSeconds"] as const),
  "hasRawConsole",
];

/** Something that the vmm must not do. */
export class Finding extends Error {}

/** A clock in Wasm: a BigInt from JavaScript at each look at it would be most of the fuzzer's time. */
const CLOCK = `(module
  (global $now (export "now") (mut i64) (i64.const 1))
  (global $step (export "step") (mut i64) (i64.const 100))
  (func (export "clock") (result i64)
    (global.set $now (i64.add (global.get $now) (global.get $step)))
    (global.get $now)))`;

interface ClockExports {
  readonly now: WebAssembly.Global;
  readonly step: WebAssembly.Global;
  readonly clock: WebAssembly.ExportValue;
}

interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly [ITERATIONS]: WebAssembly.Global;
  readonly [HEAP_END]: WebAssembly.Global;
  start(): void;
  create(page: number): number;
  reset(root: number): number;
  exit(root: number): number;
  save(root: number): number;
  restore(root: number): number;
}

/** How a VM is made. */
export interface Shape {
  readonly diskBytes: number;
  readonly diskIsReadOnly: boolean;
  readonly hasRawConsole: boolean;
  readonly tscKilohertz: number;
  readonly seed: number;
}

/** What an episode may have written to guest RAM. */
export interface Writes {
  /** [OPEN_START, OPEN_END). */
  open: boolean;
  /** Everything: instructions that nobody chose were carried out. */
  anywhere: boolean;
}

export class HostileVm {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** The vCPU page. */
  readonly page: Uint32Array;
  readonly writes: Writes = { open: false, anywhere: false };
  /** Called with each exit and its answer while a finding is told. */
  trace: ((line: string) => void) | null = null;
  /** Exits so far, of all VMs. */
  operations = 0;
  /** The most iterations of a call, by the exit's kind. */
  readonly most = new Float64Array(KIND_NAMES.length);
  mostOfReset = 0;
  readonly answers = new Float64Array(ANSWER_NAMES.length);

  readonly #clock: ClockExports;
  readonly #exports: Exports;
  readonly #statics: Buffer;
  readonly #firstHeapEnd: number;
  #root = 0;
  #heapEnd = 0;
  #cores: number[] = [];
  /** Starts and ends of pvclock's structures: what the vmm writes to RAM without a buffer of the guest's. */
  readonly #clocks: number[] = [];

  private constructor(module: WebAssembly.Module, clock: ClockExports) {
    const abort = (message: number, file: number, line: number): never => {
      throw new Finding(`the vmm aborted: ${this.#text(message)} at ${this.#text(file)}:${line}`);
    };
    const imports = { env: { abort }, host: { clock: clock.clock } };
    const wanted = WebAssembly.Module.imports(module).map(({ module: from, name }) => `${from}.${name}`);
    if (wanted.sort().join() !== "env.abort,host.clock")
      throw new Finding(`vmm.wasm imports ${wanted.join(", ")}, expected env.abort and host.clock alone`);
    this.#clock = clock;
    this.#exports = new WebAssembly.Instance(module, imports).exports as unknown as Exports;
    const { buffer } = this.#exports.memory;
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
    this.page = new Uint32Array(buffer, PAGE, 1024);
    this.#exports.start();
    this.#firstHeapEnd = this.#heapNow;
    this.#statics = Buffer.from(this.bytes.slice(HEAP_START, this.#firstHeapEnd));
  }

  static async start(counted: Uint8Array): Promise<HostileVm> {
    const wabt = await initWabt();
    const clock = wabt.parseWat("clock.wat", CLOCK);
    const module = new WebAssembly.Module(clock.toBinary({}).buffer as BufferSource);
    const instance = new WebAssembly.Instance(module, {});
    return new HostileVm(new WebAssembly.Module(counted as BufferSource), instance.exports as unknown as ClockExports);
  }

  get #heapNow(): number {
    return (this.#exports[HEAP_END].value as number) >>> 0;
  }

  #text(pointer: number): string {
    const at = pointer >>> 0;
    if (at === 0) return "(nothing)";
    const length = this.view.getUint32(at - 4, true);
    return new TextDecoder("utf-16le").decode(this.bytes.slice(at, at + length));
  }

  // The host's time-stamp counter.

  get now(): bigint {
    return BigInt.asUintN(64, this.#clock.now.value as bigint);
  }
  set now(now: bigint) {
    this.#clock.now.value = BigInt.asIntN(64, now);
  }
  get ticksPerLook(): number {
    return Number(this.#clock.step.value);
  }
  set ticksPerLook(ticks: number) {
    this.#clock.step.value = BigInt(ticks);
  }

  /** Makes a VM in place of the one before: all memory is as it was at first. `guest` is a number of hv/shared/guests.ts. */
  create(shape: Shape, guest: number, ramBytes: number): void {
    const heapEnd = Math.max(this.#heapEnd, this.#heapNow);
    this.bytes.fill(0, 0, this.page[FIELD.ramBytes]! + GUARD);
    this.bytes.fill(0, this.#firstHeapEnd, heapEnd + GUARD);
    this.bytes.fill(0, DISK - GUARD, DISK + this.page[FIELD.diskBytes]! + GUARD);
    this.bytes.fill(0, PAGE - GUARD, PAGE);
    this.bytes.set(this.#statics, HEAP_START);
    this.page.fill(0);
    this.#exports[HEAP_END].value = this.#firstHeapEnd | 0;
    this.#clocks.length = 0;
    this.writes.open = false;
    this.writes.anywhere = false;
    this.now = 1_000_000n + BigInt(shape.seed);
    const page = this.page;
    page[FIELD.guest] = guest;
    page[FIELD.ramBytes] = ramBytes;
    page[FIELD.iterations] = 1;
    page[FIELD.diskAddress] = shape.diskBytes === 0 ? 0 : DISK;
    page[FIELD.diskBytes] = shape.diskBytes;
    page[FIELD.diskIsReadOnly] = shape.diskIsReadOnly ? 1 : 0;
    page[FIELD.hasRawConsole] = shape.hasRawConsole ? 1 : 0;
    page[FIELD.tscKilohertz] = shape.tscKilohertz;
    page[FIELD.hypercallByte] = 0xc1;
    page[FIELD.startSeconds] = 1_700_000_000;
    page[FIELD.seed0] = shape.seed;
    page[FIELD.seed1] = ~shape.seed >>> 0;
    page[FIELD.wakeAt] = 0xffff_ffff;
    page[FIELD.wakeAt + 1] = 0xffff_ffff;
    this.#root = this.#exports.create(PAGE);
    this.#heapEnd = this.#heapNow;
    this.noteCores();
  }

  /** What core has written to the page from now on is not the vmm's to change. */
  noteCores(): void {
    this.#cores = CORES.map((field) => this.page[FIELD[field]]!);
  }

  /** Loads the guest. Its answer. */
  load(): number {
    const before = this.#exports[ITERATIONS].value as number;
    const answer = this.#guarded("reset", () => this.#exports.reset(this.#root)) >>> 0;
    this.mostOfReset = Math.max(this.mostOfReset, this.#spent(before));
    const plain = answer & ~(AND_REQUEST | AND_TEXT);
    this.trace?.(`reset: ${ANSWER_NAMES[plain] ?? String(answer)}`);
    if (plain !== ANSWER.resume && plain !== ANSWER.notHandled) throw new Finding(`reset answered ${answer}`);
    this.#takeText(true);
    this.operations++;
    if (this.#heapNow !== this.#heapEnd && plain === ANSWER.resume)
      throw new Finding(`reset allocated ${this.#heapNow - this.#heapEnd} bytes, which nobody frees`);
    return plain;
  }

  /** As core does before the guest is loaded again: nothing waits to be delivered. */
  forgetEvents(): void {
    this.page[FIELD.acknowledgedInterrupt] = 0;
    this.#clocks.length = 0;
  }

  /** Fills what the guest does not use with a pattern: from now on the vmm writes where the guest has buffers. */
  paint(from: number, to: number): void {
    this.bytes.fill(PATTERN, from, to);
  }

  #spent(before: number): number {
    const spent = ((this.#exports[ITERATIONS].value as number) - before) >>> 0;
    if (spent > BUDGET) throw new Finding(`a call took ${spent} iterations, more than ${BUDGET}`);
    return spent;
  }

  #guarded(what: string, call: () => number): number {
    try {
      return call();
    } catch (error) {
      throw trap(what, error);
    }
  }

  /** A 64-bit field of the page by its word. */
  set64(word: number, low: number, high: number): void {
    this.page[word] = low;
    this.page[word + 1] = high;
  }

  register(number: number, low: number, high = 0): void {
    this.page[REGISTERS + 2 * number] = low;
    this.page[REGISTERS + 2 * number + 1] = high;
  }

  /** Has the vmm answer the exit that the page describes, which is of `kind`: its answer without flags. */
  exit(kind: number): number {
    const page = this.page;
    const wakeAt = page[FIELD.wakeAt]!;
    const wakeAtHigh = page[FIELD.wakeAt + 1]!;
    const waiting = page[FIELD.waitingInterrupt]!;
    page[FIELD.exitKind] = kind;
    const before = this.#exports[ITERATIONS].value as number;
    let raw: number;
    try {
      raw = this.#exports.exit(this.#root) >>> 0;
    } catch (error) {
      if (this.trace) this.#tell(kind, -1);
      throw trap(KIND_NAMES[kind]!, error);
    }
    this.operations++;
    const answer = raw & ~(AND_REQUEST | AND_TEXT);
    if (this.trace) this.#tell(kind, raw);
    const spent = this.#spent(before);
    if (spent > this.most[kind]!) this.most[kind] = spent;
    if (answer > 10 || ((LEGAL_BY_KIND[kind]! >> answer) & 1) === 0)
      throw new Finding(`the vmm answered ${raw} (${ANSWER_NAMES[answer]}) to exit ${KIND_NAMES[kind]}`);
    this.answers[answer]!++;
    // Where a VM ends, core looks for text whatever it is told.
    this.#takeText((raw & AND_TEXT) !== 0 || answer === ANSWER.ended || answer === ANSWER.notHandled);
    this.#takeRequest(raw, wakeAt, wakeAtHigh, waiting);
    this.#checkDetails(kind, answer);
    // Words that end a VM are put together as strings; nothing is asked of that VM again.
    if (this.#heapNow !== this.#heapEnd) {
      if (answer !== ANSWER.notHandled)
        throw new Finding(
          `exit ${KIND_NAMES[kind]} allocated ${this.#heapNow - this.#heapEnd} bytes, which nobody frees`,
        );
      this.bytes.fill(0, this.#heapEnd, this.#heapNow);
      this.#exports[HEAP_END].value = this.#heapEnd | 0;
    }
    return answer;
  }

  /** Saves the VM's state to the table that the page names, or restores it from there: STATE_*. As `exit` else. */
  state(what: "save" | "restore"): number {
    const before = this.#exports[ITERATIONS].value as number;
    const status = this.#guarded(what, () => this.#exports[what](this.#root));
    this.#spent(before);
    if (this.#heapNow !== this.#heapEnd) throw new Finding(`${what} allocated`);
    return status;
  }

  #tell(kind: number, raw: number): void {
    const page = this.page;
    const hex = (word: number): string => {
      const high = page[word + 1]!;
      return (high === 0 ? "" : high.toString(16)) + page[word]!.toString(16).padStart(high === 0 ? 1 : 8, "0");
    };
    const answer = raw < 0 ? "a trap" : `${ANSWER_NAMES[raw & 0xff] ?? "?"}`;
    const details = `access ${hex(FIELD.access)} gpa ${hex(FIELD.gpa)} rip ${hex(CPU.rip)}`;
    const registers = [0, 1, 2, 3, 6, 7].map((number) => hex(REGISTERS + 2 * number)).join(" ");
    this.trace?.(`${KIND_NAMES[kind]}: ${details} registers ${registers} value ${hex(FIELD.ioValue)}: ${answer}`);
  }

  #takeText(isTold: boolean): void {
    const page = this.page;
    const length = page[FIELD.consoleLength]!;
    if (length > shared("CONSOLE_CAPACITY")) throw new Finding(`the vmm wrote ${length} bytes of text`);
    if (!isTold && length !== 0) throw new Finding("the vmm wrote text and did not say so");
    page[FIELD.consoleLength] = 0;
    page[FIELD.consoleIsDebug] = 0;
    page[FIELD.consoleIsRaw] = 0;
  }

  #takeRequest(raw: number, wakeAt: number, wakeAtHigh: number, waited: number): void {
    const page = this.page;
    const waiting = page[FIELD.waitingInterrupt]!;
    const hasChanged =
      page[FIELD.wakeAt] !== wakeAt || page[FIELD.wakeAt + 1] !== wakeAtHigh || page[FIELD.eventRequest] !== 0;
    if ((raw & AND_REQUEST) === 0 && (hasChanged || waiting !== waited))
      throw new Finding("the vmm changed wakeAt, waitingInterrupt or eventRequest and did not say so");
    const isWaiting = (waiting & WAITS) !== 0;
    if ((waiting & ~(WAITS | TELLS | VECTOR)) !== 0 || (waiting !== 0 && !isWaiting))
      throw new Finding(`waitingInterrupt is 0x${waiting.toString(16)}`);
    if ((page[FIELD.eventRequest]! & ~NMI) !== 0) throw new Finding("eventRequest has bits that mean nothing");
    page[FIELD.eventRequest] = 0;
  }

  #checkDetails(kind: number, answer: number): void {
    const page = this.page;
    if (answer === ANSWER.emulated) this.#checkLength();
    else if (answer === ANSWER.fault && page[FIELD.faultVector]! > 31)
      throw new Finding(`the vmm raised exception ${page[FIELD.faultVector]}`);
    if (kind === KIND.instruction && answer === ANSWER.next) {
      this.#checkLength();
      if (page[FIELD.recordedPlaces]! > 5) throw new Finding("recordedPlaces is more than there is room for");
      if (page[FIELD.decodedRegister]! > 15) throw new Finding("decodedRegister is no register");
    }
    if (kind === KIND.input && page[FIELD.inputLength]! > shared("INPUT_CAPACITY"))
      throw new Finding("the vmm took more than was typed");
  }

  #checkLength(): void {
    const length = this.page[FIELD.instructionLength]!;
    if (length === 0 || length > 15) throw new Finding(`an instruction has ${length} bytes`);
  }

  /** The guest has told the vmm where one of pvclock's structures is: `bytes` at `start` are its to write. */
  allowClock(start: number, bytes: number): void {
    this.#clocks.push(start, start + bytes);
  }

  /** Throws for an effect outside of what the guest asked for, behind an episode whose tables and code end at `painted`. */
  checkSurroundings(painted: number): void {
    const { writes } = this;
    CORES.forEach((field, index) => {
      if (this.page[FIELD[field]] !== this.#cores[index]) throw new Finding(`the vmm changed the page's ${field}`);
    });
    if (!this.#statics.equals(this.bytes.subarray(HEAP_START, this.#firstHeapEnd)))
      throw new Finding("the vmm changed its constants");
    const disk = this.page[FIELD.diskBytes]!;
    this.#expect(0, this.#heapEnd, this.#heapEnd + GUARD, "behind the heap");
    const ramBytes = this.page[FIELD.ramBytes]!;
    this.#expect(0, ramBytes, ramBytes + GUARD, "behind RAM");
    this.#expect(0, DISK - GUARD, DISK, "before the disk");
    this.#expect(0, DISK + disk, DISK + disk + GUARD, "behind the disk");
    this.#expect(0, PAGE - GUARD, PAGE, "before the vCPU page");
    if (this.page[FIELD.diskIsReadOnly] !== 0) this.#expect(0, DISK, DISK + disk, "of a read-only disk");
    if (writes.anywhere) return;
    this.#expectPattern(painted, OPEN_START);
    if (!writes.open) this.#expectPattern(OPEN_START, OPEN_END);
    this.#expectPattern(OPEN_END, RAM_BYTES);
  }

  /** The pattern, but for pvclock's structures. */
  #expectPattern(start: number, end: number): void {
    for (let i = 0; i < this.#clocks.length; i += 2) {
      const from = Math.max(start, this.#clocks[i]!);
      const to = Math.min(end, this.#clocks[i + 1]!);
      if (from < to) this.bytes.fill(PATTERN, from, to);
    }
    this.#expect(PATTERN, start, end, "of guest RAM that nothing named");
  }

  #expect(value: number, start: number, end: number, what: string): void {
    const blank = BLANKS[value === 0 ? 0 : 1]!;
    for (let at = start; at < end; at += blank.length) {
      const part = this.bytes.subarray(at, Math.min(end, at + blank.length));
      if (blank.compare(part, 0, part.length, 0, part.length) === 0) continue;
      const offset = part.findIndex((byte) => byte !== value);
      throw new Finding(`the vmm wrote to 0x${(at + offset).toString(16)}, ${what}`);
    }
  }

  /** Throws where memory is not zero that no VM had anything in: some GiB, so once at the end of a run. */
  checkAllMemory(): void {
    this.#expect(0, this.page[FIELD.ramBytes]!, HEAP_START, "behind RAM");
    this.#expect(0, Math.max(this.#heapEnd, this.#heapNow), MODULE, "behind the heap");
    this.#expect(0, MODULE + (1 << 20), DISK, "behind the modules");
    this.#expect(0, DISK + this.page[FIELD.diskBytes]!, PAGE, "behind the disk");
    this.#expect(0, PAGE + 4096, this.bytes.length, "behind the vCPU page");
  }

  /** Flat 32-bit protected mode, or 64-bit mode with the page tables at `cr3`, at privilege level 0. */
  setMode(is64Bit: boolean, cr3: number): void {
    const page = this.page;
    page.fill(0, CPU.rip, SEGMENTS + 8 * SEGMENT_WORDS);
    page[CPU.rflags] = 2;
    page[CPU.cr0] = is64Bit ? 0x8000_0011 : 0x11;
    page[CPU.cr3] = cr3;
    page[CPU.cr4] = is64Bit ? 0x20 : 0;
    page[CPU.efer] = is64Bit ? 0x500 : 0;
    page[CPU.physicalAddressBits] = 46;
    for (let segment = 0; segment < 8; segment++) {
      const at = SEGMENTS + segment * SEGMENT_WORDS;
      page[at + 2] = 0xffff_ffff;
      page[at + 3] = segment === 1 ? (is64Bit ? 0xa09b : 0xc09b) : segment < 6 ? 0xc093 : 0x8b;
      page[at + 4] = 8 * (segment + 1);
    }
  }
}

const BLANKS = [0, PATTERN].map((value) => Buffer.alloc(1 << 20, value));

function trap(what: string, error: unknown): Finding {
  if (error instanceof Finding) return error;
  return new Finding(`${what} trapped: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
}
