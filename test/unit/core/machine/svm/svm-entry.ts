// VMRUN with VMLOAD and VMSAVE around it: the checks, the guest's turn as its script has it, and #VMEXIT (APM 2 15.5, 15.6).
import { Entry } from "../entry.ts";
import { has } from "../bits.ts";
import type { Exit, Script } from "../exits.ts";
import { Guest, Registers } from "../guest.ts";
import { msr, reason, svmExit, vmcb } from "../tables.ts";
import { brokenRule } from "./entry-checks.ts";
import { translate, type Translated } from "./exit-table.ts";
import { hasSvmFeature } from "./features.ts";
import { deliverInjected, deliverVirtualInterrupt, virtualInterrupt } from "./injection.ts";
import { SvmTranslator } from "./nested-translator.ts";
import type { Svm } from "./svm.ts";
import { plant } from "./plant.ts";
import { VMCB_BYTES, VmcbImage } from "./vmcb-image.ts";
import { VmcbFields } from "./vmcb-fields.ts";

/** Written to a reserved place of a VMCB that ran: where software has written over it, another guest is to start. */
const MARK = 0x4243_4d56_4243_4d56n;
const MARK_OFFSET = 0xff8;
const INVALID = 0xffffffffffffffffn;
const VALID = 1n << 31n;
const TF = 1n << 8n;
const EFER_NXE = 1n << 11n;
const CR0_PG = 1n << 31n;
const RFLAGS_VM = 1n << 17n;
const CPUID_1_GIB_PAGES = 1 << 26;
const NMI_EVENT = 0x202;
const DR6_CLEARED_BY_DEBUG = 0xfn;
const DR7_GD = 1n << 13n;
const DEBUGCTL_BTF = 2n;
const DEBUG_VECTOR = 1n;
const SINGLE_STEP = 1n << 14n;
const LMSW = 3n;
const NMI_BLOCKING = 8n;

/** The parts of a VMCB that #VMEXIT and VMSAVE write: what the exit tells, and the state. */
const WRITTEN: readonly (readonly [start: number, end: number])[] = [
  [vmcb("VMCB_VINTR"), vmcb("VMCB_EXITINTINFO") + 8],
  [vmcb("VMCB_EVENTINJ"), vmcb("VMCB_EVENTINJ") + 8],
  [vmcb("VMCB_NRIP"), vmcb("VMCB_INSTRUCTION_BYTES") + 15],
  [vmcb("VMCB_ES"), VMCB_BYTES],
];

/** RAX is the VMCB's; the other registers are those of the vCPU page. */
class SvmRegisters extends Registers {
  readonly #image: VmcbImage;

  constructor(memory: ArrayBuffer, end: number, image: VmcbImage) {
    super(memory, end);
    this.#image = image;
  }

  override get(name: string): bigint {
    return name === "rax" ? this.#image.get("VMCB_RAX") : super.get(name);
  }
  override set(name: string, value: bigint): void {
    if (name === "rax") this.#image.set("VMCB_RAX", value);
    else super.set(name, value);
  }
}

/** A guest, from its first turn to its last: its script keeps hold of what it was given at first. */
interface Vcpu {
  /** As the processor has it in the turn. */
  readonly image: VmcbImage;
  readonly fields: VmcbFields;
  readonly guest: Guest;
  /** An exit of the script that comes behind the exits that the machine makes first. */
  waiting: Exit | null;
  /** Of these, an IRET has exited and is to be executed. */
  iretIsDue: boolean;
}

export class SvmEntry extends Entry {
  /** The root of the nested tables that the last VMRUN used. */
  lastRoot = 0n;
  readonly #svm: Svm;
  readonly #memory: ArrayBuffer;
  readonly #vcpus = new Map<bigint, Vcpu>();

  constructor(svm: Svm, memory: ArrayBuffer, script: (vcpu: number) => Script) {
    super(script);
    this.#svm = svm;
    this.#memory = memory;
  }

  finish(): void {}

  /** svmEnter of hv/core/hardware.ts. */
  enter(registersEnd: number, address: bigint, host: bigint): void {
    const { processor, memory, cache, tlb } = this.#svm;
    this.#svm.requirePage("VMRUN", address);
    this.#svm.requirePage("VMLOAD", host);
    this.#svm.saveHost();
    const loaded = cache.load(address, memory.read(address, VMCB_BYTES));
    const rule = brokenRule(loaded, processor.model) ?? this.#hostRule(loaded);
    if (rule !== null) return this.#fail(loaded, rule);
    settleLevel(loaded);
    tlb.control(Number(loaded.get("VMCB_TLB_CONTROL")), Number(loaded.get("VMCB_GUEST_ASID")));
    this.lastRoot = loaded.get("VMCB_N_CR3");

    const wasResume = loaded.bytes.readBigUInt64LE(MARK_OFFSET) === MARK;
    const vcpu = this.#vcpuOf(loaded, registersEnd, wasResume);
    const { image } = vcpu;
    this.#svm.loadGuest(image);
    processor.unswitched.set("CR2", image.get("VMCB_CR2"));
    processor.unswitched.set("DR6", image.get("VMCB_DR6"));
    this.#inject(vcpu);
    this.#exit(vcpu, this.#nextExit(vcpu, wasResume), wasResume);
    image.set("VMCB_CR2", processor.unswitched.get("CR2")!);
    image.set("VMCB_DR6", processor.unswitched.get("DR6")!);
    this.#svm.saveGuest(image, loaded);
    image.bytes.writeBigUInt64LE(MARK, MARK_OFFSET);
    for (const [start, end] of WRITTEN) memory.write(address + BigInt(start), image.bytes.subarray(start, end));
    cache.keep(image);
    this.#svm.loadHost(host);
  }

  #vcpuOf(loaded: VmcbImage, registersEnd: number, wasResume: boolean): Vcpu {
    const known = wasResume ? this.#vcpus.get(loaded.address) : undefined;
    const vcpu = known ?? this.#newVcpu(loaded.address, registersEnd);
    vcpu.image.bytes.set(loaded.bytes);
    return vcpu;
  }

  #newVcpu(address: bigint, registersEnd: number): Vcpu {
    const { processor, memory, tlb } = this.#svm;
    const image = new VmcbImage(address, new Uint8Array(VMCB_BYTES));
    const fields = new VmcbFields(image, processor, tlb);
    const nested = new SvmTranslator(image, tlb, memory, {
      addressBits: processor.model.maximumPhysicalAddress,
      has1GibPages: (processor.model.leaf(0x80000001)[3] & CPUID_1_GIB_PAGES) !== 0,
      hasNoExecute: has(processor.rdmsr(msr("IA32_EFER")), EFER_NXE),
    });
    const registers = new SvmRegisters(this.#memory, registersEnd, image);
    const guest = new Guest(fields, registers, processor, memory, nested);
    const vcpu = { image, fields, guest, waiting: null, iretIsDue: false };
    this.#vcpus.set(address, vcpu);
    return vcpu;
  }

  #inject({ image, fields }: Vcpu): void {
    const delivered = deliverInjected(image);
    if (delivered.some(({ event }) => event === NMI_EVENT)) fields.nmisAreBlocked = true;
    this.delivered.push(delivered);
  }

  /** The exit that comes before the script's next one, or that one. */
  #nextExit(vcpu: Vcpu, wasResume: boolean): Exit {
    const { image, guest, waiting } = vcpu;
    if (waiting) return this.#afterIret(vcpu, waiting);
    const window = wasResume ? virtualInterrupt(image) : "none";
    if (window === "exit") return { reason: reason("EXIT_REASON_INTERRUPT_WINDOW") };
    if (window === "deliver") this.delivered[this.delivered.length - 1] = [deliverVirtualInterrupt(image)];
    const exit = this.nextOfScript(guest, wasResume);
    return endsHandler(vcpu, exit) ? this.#iret(vcpu, exit) : exit;
  }

  /** IRET, by which the guest leaves the handler: it exits before it is executed, where the VMCB asks for that. */
  #iret(vcpu: Vcpu, exit: Exit): Exit {
    if (!vcpu.image.isSet("VMCB_INTERCEPT_MISC1", "INTERCEPT_IRET")) return exit;
    vcpu.waiting = exit;
    vcpu.iretIsDue = true;
    return { reason: reason("EXIT_REASON_NMI_WINDOW"), instructionLength: 1 };
  }

  /** The guest executes its IRET: a single step that core asked for ends behind it. */
  #afterIret(vcpu: Vcpu, waiting: Exit): Exit {
    const { image, fields } = vcpu;
    const isStepped = vcpu.iretIsDue && has(image.get("VMCB_RFLAGS"), TF);
    if (vcpu.iretIsDue) {
      if (image.isSet("VMCB_INTERCEPT_MISC1", "INTERCEPT_IRET")) {
        throw new Error("core entered the guest behind an exit by IRET, and IRET exits again");
      }
      vcpu.iretIsDue = false;
      fields.nmisAreBlocked = false;
    }
    if (!isStepped) {
      vcpu.waiting = null;
      return waiting;
    }
    // IRET goes to where the script's exit is, or somewhere else than where it stands.
    return {
      reason: reason("EXIT_REASON_EXCEPTION_OR_NMI"),
      rip: waiting.rip ?? vcpu.guest.rip + 1n,
      qualification: SINGLE_STEP,
      fields: { VM_EXIT_INTERRUPTION_INFORMATION: 0x80000301n },
    };
  }

  #exit(vcpu: Vcpu, exit: Exit, wasResume: boolean): void {
    const { image, guest, fields } = vcpu;
    const { processor, memory } = this.#svm;
    for (const [name, value] of Object.entries(exit.registers ?? {})) guest.registers.set(name, value);
    if (exit.rip !== undefined) guest.rip = exit.rip;
    for (const [name, value] of Object.entries(exit.fields ?? {})) {
      // SVM has no pending debug exceptions: what an exit finds pending is in DR6, or lost.
      if (name.startsWith("GUEST_") && !EXIT_INFORMATION.includes(name)) fields.set(name, value);
    }
    const hasDecodeAssists = hasSvmFeature(processor.model, "decodeAssists");
    const translated = translate({ exit, guest, image, memory, hasDecodeAssists });
    this.#placeSource(vcpu, exit);
    const hasNextRip = hasSvmFeature(processor.model, "nextRip");
    const isRead = translated.isDecodedBySoftware || !hasNextRip;
    if (isRead && translated.instruction) plant(guest, translated.instruction, exit.instructionLength);
    if (translated.code === svmExit("SVM_EXIT_EXCEPTION") + Number(DEBUG_VECTOR)) this.#takeDebugException(vcpu, exit);
    const next = hasNextRip && exit.instructionLength !== undefined ? guest.rip + BigInt(exit.instructionLength) : 0n;
    this.#tell(image, exit, translated, next);
    if (translated.code === svmExit("SVM_EXIT_INTR")) this.interruptIsPending = true;
    this.records.push({ reason: exit.reason, code: translated.code, rip: guest.rip, wasResume, accesses: 0 });
  }

  /** LMSW's source, which is in no field: BX has it. */
  #placeSource({ guest }: Vcpu, exit: Exit): void {
    const qualification = exit.qualification ?? 0n;
    const isControlRegister = exit.reason === reason("EXIT_REASON_CONTROL_REGISTER_ACCESS");
    if (!isControlRegister || ((qualification >> 4n) & 3n) !== LMSW) return;
    const others = guest.registers.get("rbx") & ~0xffffn;
    guest.registers.set("rbx", others | ((qualification >> 16n) & 0xffffn));
  }

  /** #DB that is intercepted has written DR6 and DR7, and ended BTF (APM 2 15.12.2). */
  #takeDebugException({ fields }: Vcpu, exit: Exit): void {
    const { unswitched } = this.#svm.processor;
    const conditions = exit.qualification ?? 0n;
    unswitched.set("DR6", (unswitched.get("DR6")! & ~DR6_CLEARED_BY_DEBUG) | conditions);
    fields.set("GUEST_DR7", fields.get("GUEST_DR7") & ~DR7_GD);
    fields.set("GUEST_IA32_DEBUGCTL", fields.get("GUEST_IA32_DEBUGCTL") & ~DEBUGCTL_BTF);
  }

  #tell(image: VmcbImage, exit: Exit, { code, info1, info2 }: Translated, nextRip: bigint): void {
    image.set("VMCB_EXITCODE", BigInt(code));
    image.set("VMCB_EXITINFO1", info1);
    image.set("VMCB_EXITINFO2", info2);
    image.set("VMCB_EXITINTINFO", interrupted(exit));
    image.set("VMCB_EVENTINJ", image.get("VMCB_EVENTINJ") & ~VALID);
    image.set("VMCB_NRIP", nextRip);
    image.set("VMCB_BYTES_FETCHED", 0n);
  }

  /** APM 2 15.25.4: a host that does not page cannot have nested paging. */
  #hostRule(image: VmcbImage): string | null {
    const isNested = image.isSet("VMCB_NESTED_CONTROL", "NESTED_PAGING_ENABLE");
    if (isNested && !hasSvmFeature(this.#svm.processor.model, "nestedPaging")) {
      throw new Error("nested paging on a CPU without it");
    }
    return isNested && !has(this.#svm.processor.cr0, CR0_PG) ? "15.25.4 nested paging needs CR0.PG of the host" : null;
  }

  #fail(image: VmcbImage, rule: string): void {
    this.brokenRules.push(rule);
    image.set("VMCB_EXITCODE", INVALID);
    const at = vmcb("VMCB_EXITCODE");
    this.#svm.memory.write(image.address + BigInt(at), image.bytes.subarray(at, at + 8));
  }
}

/** By the time of the script's exit the guest has left its handler of an NMI. */
function endsHandler({ fields }: Vcpu, exit: Exit): boolean {
  const state = exit.fields?.["GUEST_INTERRUPTIBILITY_STATE"];
  return fields.nmisAreBlocked && state !== undefined && !has(state, NMI_BLOCKING);
}

const EXIT_INFORMATION = ["GUEST_PENDING_DEBUG_EXCEPTIONS", "GUEST_PHYSICAL_ADDRESS", "GUEST_LINEAR_ADDRESS"];

const TYPE_EXCEPTION = 3n;
const TYPE_PRIVILEGED = 5n;
const TYPE_SOFTWARE_EXCEPTION = 6n;

/** EXITINTINFO: SVM takes INT1, INT3 and INTO for exceptions like any others (APM 2 15.7.2). */
function interrupted(exit: Exit): bigint {
  const information = exit.fields?.["IDT_VECTORING_INFORMATION"] ?? 0n;
  if (!has(information, VALID)) return 0n;
  const type = (information >> 8n) & 7n;
  const isException = type === TYPE_PRIVILEGED || type === TYPE_SOFTWARE_EXCEPTION;
  const kept = (information & 0x800008ffn) | ((isException ? TYPE_EXCEPTION : type) << 8n);
  const errorCode = has(information, 1n << 11n) ? (exit.fields?.["IDT_VECTORING_ERROR_CODE"] ?? 0n) : 0n;
  return kept | (errorCode << 32n);
}

/** In real mode CPL is 0 and in virtual-8086 mode 3, whatever the VMCB has; elsewhere SS's DPL does not count (APM 2 15.5.1). */
function settleLevel(image: VmcbImage): void {
  if (!has(image.get("VMCB_CR0"), 1n)) image.set("VMCB_CPL", 0n);
  else if (has(image.get("VMCB_RFLAGS"), RFLAGS_VM)) image.set("VMCB_CPL", 3n);
}
